"""`fastmas bench engine`: fixed tasks, declared rules, and peers that run them in the same process.

`tasks` says what is measured and what a peer may do, `peers/` holds one file per peer, `studies/` what is
measured of fastmas alone. `engine` puts them together.
"""

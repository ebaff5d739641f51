"""A supply chain: how a shop decides what to order, and for how many weeks it waits, from its own book.

    python examples/07_supply_chain.py [--games 50] [--weeks 50] [--updater moments]
"""

import argparse

import fastmas as fm

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--games", type=int, default=50)
parser.add_argument("--weeks", type=int, default=50)
parser.add_argument("--updater", default="moments")
options = parser.parse_args()

chain = fm.models.supply_chain()  # the beer game of Sterman (1989): four stages, who order from each other
truth = {"alpha_stock": 0.26, "beta_line": 0.34, "lead_time": 3}
sizes = {"n_paths": options.games, "n_steps": options.weeks, "seed": 1}
swings = [fm.simulate(chain, truth, observable=f"orders_{stage}", **sizes).std() for stage in
          ("retailer", "wholesaler", "distributor", "factory")]
print("orders swing more up the chain, sd " + ", ".join(f"{sd:.1f}" for sd in swings))

book = ["orders_retailer", "inventory_retailer"]
seen = fm.simulate(chain, truth, observable=book, **sizes)  # (games, weeks + 1, 2)
fit = fm.calibrate(chain, seen, observable=book, free=list(truth), warmup=0, updater=options.updater, seed=1)
for name, (low, high) in fit.interval.items():
    print(f"{name}: truth {truth[name]}, estimate {fit.estimate[name]:.3g}, 90% interval {low:.3g} to {high:.3g}")
print(fit.verdict)

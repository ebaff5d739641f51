"""Not a market: how fast an illness spreads and ends, from the daily cases of outbreaks in many schools.

    python examples/06_epidemic.py [--schools 100] [--days 40] [--updater moments]
"""

import argparse

import fastmas as fm

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--schools", type=int, default=100)
parser.add_argument("--days", type=int, default=40)
parser.add_argument("--updater", default="moments")
options = parser.parse_args()

epidemic = fm.models.sir(n_people=763)  # the boarding school of the textbook
truth = {"beta": 1.2, "gamma": 0.4}
cases = fm.simulate(epidemic, truth, n_paths=options.schools, n_steps=options.days, seed=1, observable="cases")
print(f"{options.schools} outbreaks, {int(cases.sum())} cases, the largest of {int(cases.sum(axis=1).max())} pupils")

# Outbreaks begin at t = 0 in the data and in the model: no step is left out.
fit = fm.calibrate(epidemic, cases, observable="cases", free=list(truth), warmup=0, updater=options.updater, seed=1)
for name, (low, high) in fit.interval.items():
    print(f"{name}: truth {truth[name]}, estimate {fit.estimate[name]:.3f}, 90% interval {low:.3f} to {high:.3f}")
print(f"R_0 = {fit.estimate['beta'] / fit.estimate['gamma']:.2f}")
print(fit.verdict)

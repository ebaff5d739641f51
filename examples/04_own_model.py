"""A herd: the more traders bought in the last step, the likelier each buys in this one."""

import fastmas as fm


class Herd(fm.Model):
    n_traders: int = 20
    follow = fm.Parameter(0.5, 0.0, 0.95, doc="how much a trader follows")
    rho = fm.Parameter(0.05, 0.001, 0.5, scale="log", doc="price impact")
    price = fm.State(100, "price units")
    mood = fm.State(0)

    def step(self, t, draw):
        buyers = draw.count(self.n_traders, 0.5 + 0.5 * self.follow * self.mood)
        self.mood = 2 * buyers / self.n_traders - 1
        self.price *= 1 + self.rho * self.mood


if __name__ == "__main__":  # with [PATHS UPDATER]
    import sys

    n_paths, updater = sys.argv[1:] or ["1000", "cma-es"]
    truth = {"follow": 0.6, "rho": 0.03}
    x_obs = fm.simulate(Herd(), truth, n_paths=int(n_paths), n_steps=100, warmup=50, seed=1)
    fit = fm.calibrate(Herd(), x_obs, updater=updater, seed=1)
    for name, (low, high) in fit.interval.items():
        print(f"{name}: truth {truth[name]}, estimate {fit.estimate[name]:.4f}, 90% interval {low:.4f} to {high:.4f}")
    print(fit.verdict)

"""Faults planted into a calibration, each of which must turn named tests red: a dead game fails.

The tests are the very functions of the other files, where they run without a fault and must pass.
"""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import small_games
import test_coverage
import test_goodness
import test_moments
import test_recovery
import test_settle
import test_told_apart

from fastmas.calibration import bootstrap, interval
from fastmas.calibration import settle as settling
from fastmas.calibration.setup import Setup
from fastmas.discriminators.amortised import Amortised
from fastmas.random.address import Purpose
from fastmas.statistics import fit as fit_statistic
from fastmas.statistics.scaling import Scaling
from fastmas.updaters.cma_es import CMAES
from fastmas.updaters.parameter_score import ParameterScore
from fastmas.updaters.scoring import Local

# ---------------------------------------------------------------------- faults


def tell_does_nothing(patch):
    for updater in (CMAES, ParameterScore):
        patch.setattr(updater, "tell", lambda self, state, loss: state)


def losses_are_reversed(patch):
    for updater in (CMAES, ParameterScore):
        patch.setattr(updater, "tell", lambda self, state, loss, tell=updater.tell: tell(self, state, -loss))


def simulated_sets_vary_too_little(patch):
    """The verdict's covariance x .72."""
    draw = bootstrap._draw

    def tight(setup, bank):
        sets = draw(setup, bank)
        return sets.mean(axis=0) + np.sqrt(0.72) * (sets - sets.mean(axis=0))

    patch.setattr(bootstrap, "_draw", tight)


def errors_are_too_small(patch):
    """The estimate's covariance x .72."""
    sandwich = Local.sandwich
    patch.setattr(Local, "sandwich", lambda *arguments: 0.72 * sandwich(*arguments))


def intervals_are_a_third(patch):
    covariance_at = interval.covariance_at
    patch.setattr(interval, "covariance_at", lambda *arguments: 0.3**2 * covariance_at(*arguments))


def scaled_by(patch, paths_of):
    """Every scale is that of `paths_of(setup)`."""
    begin = Setup.__init__

    def begin_scaled(self, *arguments, **options):
        begin(self, *arguments, **options)
        paths = paths_of(self)
        self.scaling, self.statistic = Scaling.of(paths), fit_statistic(self.settings.statistic, paths)
        self.real, self.heldout = self.statistic(self.x_train), self.statistic(self.x_heldout)
        self.moments_real = self.each(self.moments_of, self.x_train)

    patch.setattr(Setup, "__init__", begin_scaled)


def scales_look_ahead(patch):
    scaled_by(patch, lambda setup: setup.x_heldout)


def scales_are_simulated(patch):
    scaled_by(patch, lambda setup: setup.simulate(setup.space.to_z(setup.space.start)[None], 50, 0, 99)[0])


def fakes_are_reused(patch):
    """Networks of the verdict are tested on the fakes that they were trained on."""
    sample = Setup.sample

    def again(self, z, n_paths, run, purpose, **options):
        return sample(self, z, n_paths, 0 if purpose == Purpose.VERDICT and run == 1 else run, purpose, **options)

    patch.setattr(Setup, "sample", again)


def null_is_tested_on_its_training_data(patch):
    sample = Setup.sample

    def again(self, z, n_paths, run, purpose, **options):
        return sample(self, z, n_paths, run - run % 2 if run > 1 else run, purpose, **options)

    patch.setattr(Setup, "sample", again)


def learned_features_are_dropped(patch):
    patch.setattr(settling, "features_of", lambda setup, record: setup.moments_of)
    patch.setattr(test_settle, "features_of", settling.features_of)


def data_are_replaced_by_simulations(patch):
    """The game compares its candidates with the start in place of the data."""
    begin = Amortised.begin

    def begin_blind(self):
        begin(self)
        samples, moments = self.table.look(self.table.start[None], len(self.table.real), 0, Purpose.WARMUP)
        self.real = self._features(samples[0], moments[0])

    patch.setattr(Amortised, "begin", begin_blind)


def the_last_step_is_not_judged(patch):
    patch.setattr(settling, "_last_step", lambda problem, start, z: settling.polish(problem, z, settling.LAST_ROUNDS)[0])


# ---------------------------------------------------------------------- the tests that each turns red

ALONE = [(test_settle.test_the_game_alone_finds_the_way, (updater, generations, spread))
         for updater, generations, spread in (("cma-es", 25, 0.06), ("parameter-score", 80, 0.02))]
RECOVERY = [(test_recovery.test_the_game_alone_goes_to_the_truth, (name,)) for name in test_recovery.CASES]
FAULTS = [
    (tell_does_nothing, ALONE + RECOVERY),
    (losses_are_reversed, RECOVERY),
    (data_are_replaced_by_simulations, ALONE[:1]),
    (simulated_sets_vary_too_little, [(test_goodness.test_right_data_sets_are_rejected_once_in_twenty, (0.0, 12))]),
    (errors_are_too_small, [(test_moments.test_the_covariance_is_the_one_that_is_derived, ())]),
    (intervals_are_a_third, [(test_coverage.test_intervals_of_a_walk_hold_the_truth, ((40, 21),))]),
    (scales_look_ahead, [(test_settle.test_training_never_looks_at_what_is_held_out, ("paths",)),
                         (test_settle.test_training_never_looks_at_what_is_held_out, ("series",)),
                         (test_settle.test_scales_are_those_of_the_training_data, ("prices",))]),
    (scales_are_simulated, [(test_settle.test_scales_are_those_of_the_training_data, (name,))
                            for name in ("prices", "log-returns")]),
    (fakes_are_reused, [(test_told_apart.test_no_network_judges_what_it_was_trained_on, ("paths",))]),
    (null_is_tested_on_its_training_data,
     [(test_told_apart.test_no_network_judges_what_it_was_trained_on, ("paths",))]),
    (learned_features_are_dropped, [(test_settle.test_the_last_step_sees_what_the_game_has_learned, ())]),
    (the_last_step_is_not_judged, [(test_settle.test_no_point_above_the_start_is_returned, ())]),
]
CASES = [pytest.param(fault, test, values, id="-".join([fault.__name__, test.__name__, *map(str, values)]))
         for fault, tests in FAULTS for test, values in tests]


@pytest.mark.parametrize(("fault", "test", "values"), CASES)
def test_a_fault_turns_its_tests_red(fault, test, values, monkeypatch):
    fault(monkeypatch)
    fixtures = {"monkeypatch": monkeypatch, "small": None}
    asked = inspect.signature(test).parameters
    if "small" in asked:
        for module, name, value in small_games.cuts():
            monkeypatch.setattr(module, name, value)
    free = [name for name in asked if name not in fixtures]
    with pytest.raises(AssertionError):
        test(**dict(zip(free, values, strict=True)), **{name: fixtures[name] for name in asked if name in fixtures})

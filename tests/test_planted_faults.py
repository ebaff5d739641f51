"""Faults planted into a calibration, each of which must turn named tests red: a dead game fails.

The tests are the very functions of the other files, where they run without a fault and must pass.
"""

from __future__ import annotations

import inspect
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
import small_games
import test_coverage
import test_distance
import test_global_start
import test_goodness
import test_interval
import test_moments
import test_recovery
import test_settle
import test_told_apart

from fastmas import distance
from fastmas.calibration import bootstrap, budget, interval, odd_paths
from fastmas.calibration import settle as settling
from fastmas.calibration import start as beginning
from fastmas.calibration.observed import Observed
from fastmas.calibration.record import Record
from fastmas.calibration.regimes import Paths, Series
from fastmas.calibration.simulator import Simulator
from fastmas.discriminators.amortised import Amortised
from fastmas.evaluation import Evaluation
from fastmas.random.address import Purpose
from fastmas.region import Region
from fastmas.statistics import fit as fit_statistic
from fastmas.statistics.views import views_of
from fastmas.updaters import moments
from fastmas.updaters.cma_es import CMAES
from fastmas.updaters.descent import Descent
from fastmas.updaters.parameter_score import ParameterScore
from fastmas.updaters.scoring import Comparison, Local

# ---------------------------------------------------------------------- faults


def games_are_short(patch):
    """A fault shows in one round, and without a trained network, since moments are seen beside it."""
    for regime in (Paths, Series):
        patch.setattr(regime, "most_rounds", 1)
    for tests in (test_settle, test_recovery):
        patch.setattr(tests, "STEPS", 20)


def tell_does_nothing(patch):
    games_are_short(patch)
    for updater in (CMAES, ParameterScore, Descent):
        patch.setattr(updater, "tell", lambda self, state, seen: state)


def opposite(seen):
    return Evaluation(-seen.loss, None if seen.gradient is None else -seen.gradient)


def losses_are_reversed(patch):
    games_are_short(patch)
    for updater in (CMAES, ParameterScore, Descent):
        patch.setattr(updater, "tell", lambda self, state, seen, tell=updater.tell: tell(self, state, opposite(seen)))


def simulated_sets_vary_too_little(patch):
    """The verdict's covariance x .72."""
    draw = bootstrap._draw

    def tight(simulator, bank):
        sets = draw(simulator, bank)
        return sets.mean(axis=0) + np.sqrt(0.72) * (sets - sets.mean(axis=0))

    patch.setattr(bootstrap, "_draw", tight)


def far_values_count_in_full(patch):
    patch.setattr(odd_paths, "_drawn_in", lambda bank, observed, resolution: (bank, observed))


def simulated_paths_judge_themselves(patch):
    """By a covariance in which they have a say, and those of the data have none."""
    patch.setattr(odd_paths, "judged_by_others", lambda squared: squared)


def errors_are_too_small(patch):
    """The estimate's covariance x .72."""
    sandwich = Local.sandwich
    patch.setattr(Local, "sandwich", lambda *arguments: 0.72 * sandwich(*arguments))


def intervals_are_a_third(patch):
    covariance_at = interval.covariance_at
    patch.setattr(interval, "covariance_at", lambda *arguments: 0.3**2 * covariance_at(*arguments))


def the_interval_is_the_moment_fits(patch):
    def of_the_start(simulator, settings, record, features, z):
        return interval.Uncertainty(record.start.covariance)

    patch.setattr(import_module("fastmas.calibrate"), "uncertainty", of_the_start)


def scaled_by(patch, paths_of):
    """Every scale is that of `paths_of(observed)`."""
    begin = Observed.__init__

    def begin_scaled(self, observations, statistic):
        begin(self, observations, statistic)
        paths = paths_of(self)
        self.views = views_of(paths, observations.names, observations.domains)
        self.statistic = fit_statistic(statistic, paths, self.views)
        self.real, self.heldout = self.statistic(self.x_train), self.statistic(self.x_heldout)

    patch.setattr(Observed, "__init__", begin_scaled)


def scales_look_ahead(patch):
    scaled_by(patch, lambda observed: observed.x_heldout)


def scales_are_simulated(patch):
    scaled_by(patch, lambda observed: small_games.market_paths(50, observed.n_times, seed=99))


def fakes_are_reused(patch):
    """Networks of the verdict are tested on the fakes that they were trained on."""
    sample = Simulator.sample

    def again(self, z, n_paths, run, purpose, **options):
        return sample(self, z, n_paths, 0 if purpose == Purpose.VERDICT and run == 1 else run, purpose, **options)

    patch.setattr(Simulator, "sample", again)


def null_is_tested_on_its_training_data(patch):
    sample = Simulator.sample

    def again(self, z, n_paths, run, purpose, **options):
        return sample(self, z, n_paths, run - run % 2 if run > 1 else run, purpose, **options)

    patch.setattr(Simulator, "sample", again)


def learned_features_are_dropped(patch):
    patch.setattr(Record, "part", lambda self, part: {})


def data_are_replaced_by_simulations(patch):
    """The game compares its candidates with the start in place of the data."""
    games_are_short(patch)
    begin = Amortised.begin

    def begin_blind(self):
        begin(self)
        samples, moments = self.table.look(self.table.start[None], len(self.table.real), 0, Purpose.WARMUP)
        self.real = self._features(samples[0], moments[0])

    patch.setattr(Amortised, "begin", begin_blind)


def the_last_step_is_not_judged(patch):
    patch.setattr(settling, "_last_step", lambda problem, start, z: settling.polish(problem, z, 2)[0])


def the_games_end_is_ignored(patch):
    patch.setattr(settling, "average", lambda record, updater: record.start.z)


def no_part_of_the_data_is_added(patch):
    """The last step, and the interval, see the training data alone."""
    for part in (settling, interval, test_interval):
        patch.setattr(part, "whole_problem", settling.training_problem)


def compared_each_in_its_own_metric(patch):
    def own(problem, points, run=8):
        seen = [problem.weight(z, problem.n_polish, run) for z in points]
        distances = [float(w.distance(x.mean(axis=0) - problem.observed)) for w, x in seen]
        return Comparison(np.array(distances), 0.0, len(seen[0][0].rows))

    patch.setattr(test_distance, "compare", own)


def any_misfit_is_excused(patch):
    patch.setattr(distance, "_tau", lambda *arguments: 10.0)


def no_misfit_is_excused(patch):
    patch.setattr(distance, "_tau", lambda *arguments: 0.0)


def nothing_is_whitened(patch):
    patch.setattr(distance, "_whitener", lambda correlation, least=0.0: np.eye(len(correlation)))


def the_start_is_bounded_to_the_middle(patch):
    scan = moments._scan

    def scan_middle(problem, effort):
        box, margin = problem.region, problem.region.width / 4
        return scan(replace(problem, region=Region(box.low + margin, box.high - margin, box.integer)), effort)

    patch.setattr(moments, "_scan", scan_middle)


def one_point_is_enough(patch):
    """For the moment fit to begin at."""
    scan = moments._scan
    patch.setattr(moments, "_scan", lambda problem, effort: scan(problem, replace(effort, n_starts=1)))


def modes_are_lost(patch):
    fit = beginning.fit_moments
    patch.setattr(beginning, "fit_moments", lambda *arguments: replace(fit(*arguments), modes=np.empty((0, 0))))


# ---------------------------------------------------------------------- the tests that each turns red

ALONE = [(test_settle.test_the_game_alone_finds_the_way, values) for values in test_settle.ALONE]
RECOVERY = [(test_recovery.test_the_game_alone_goes_to_the_truth, (name,)) for name in test_recovery.CASES]
FAULTS = [
    (tell_does_nothing, ALONE + RECOVERY),
    (losses_are_reversed, ALONE[1:] + RECOVERY[:-1]),
    (data_are_replaced_by_simulations, ALONE[:1]),
    (simulated_sets_vary_too_little, [(test_goodness.test_right_data_sets_are_rejected_once_in_twenty, (0.0, 12))]),
    *((fault, [(test_goodness.test_the_oddest_of_right_paths_has_a_uniform_p_where_features_have_long_tails, ())])
      for fault in (far_values_count_in_full, simulated_paths_judge_themselves)),
    (errors_are_too_small, [(test_moments.test_the_covariance_is_the_one_that_is_derived, ())]),
    (intervals_are_a_third, [
        (test_coverage.test_intervals_of_a_walk_hold_the_truth, ((40, 21),)),
        (test_interval.test_the_interval_is_that_of_the_last_step_on_all_data, ())]),
    (the_interval_is_the_moment_fits, [(test_interval.test_a_calibration_tells_that_interval, ())]),
    (scales_look_ahead, [(test_settle.test_training_never_looks_at_what_is_held_out, ("paths",)),
                         (test_settle.test_training_never_looks_at_what_is_held_out, ("series",)),
                         (test_settle.test_scales_are_those_of_the_training_data, ("prices",))]),
    (scales_are_simulated, [(test_settle.test_scales_are_those_of_the_training_data, (name,))
                            for name in ("prices", "log-returns")]),
    (fakes_are_reused, [(test_told_apart.test_no_network_judges_what_it_was_trained_on, ("paths",))]),
    (null_is_tested_on_its_training_data,
     [(test_told_apart.test_no_network_judges_what_it_was_trained_on, ("paths",))]),
    (learned_features_are_dropped, [(test_settle.test_the_last_step_sees_what_the_game_has_learned, ())]),
    (the_last_step_is_not_judged, [(test_settle.test_no_point_above_the_start_is_returned, ()),
                                   (test_settle.test_a_last_step_that_leads_astray_is_not_taken, ())]),
    (the_games_end_is_ignored, [(test_settle.test_where_the_game_ended_is_taken_if_it_is_nearest, ())]),
    (no_part_of_the_data_is_added, [(test_settle.test_the_last_step_uses_all_data, ()),
                                    (test_interval.test_the_interval_is_that_of_the_last_step_on_all_data, ())]),
    (compared_each_in_its_own_metric, [(test_distance.test_points_are_compared_in_the_metric_of_the_nearest, ())]),
    (any_misfit_is_excused, [(test_distance.test_a_right_model_has_no_misfit, ()),
                             (test_distance.test_the_misfit_is_what_is_beside_chance, (4.0,))]),
    (no_misfit_is_excused, [(test_distance.test_the_misfit_is_what_is_beside_chance, (4.0,))]),
    (nothing_is_whitened, [(test_distance.test_rows_whiten_what_is_correlated, ())]),
    (the_start_is_bounded_to_the_middle,
     [(test_global_start.test_the_scan_looks_at_the_corners_of_the_box, ((2.7, 1.3),))]),
    (one_point_is_enough, [(test_global_start.test_a_second_basin_comes_through_to_the_result, ())]),
    (modes_are_lost, [(test_global_start.test_a_second_basin_comes_through_to_the_result, ())]),
]
CASES = [pytest.param(fault, test, values, id="-".join([fault.__name__, test.__name__, *map(str, values)]))
         for fault, tests in FAULTS for test, values in tests]


@pytest.mark.parametrize(("fault", "test", "values"), CASES)
def test_a_fault_turns_its_tests_red(fault, test, values, monkeypatch):
    fault(monkeypatch)
    fixtures = {"monkeypatch": monkeypatch, "small": None}
    asked = inspect.signature(test).parameters
    if "small" in asked:
        monkeypatch.setattr(budget, "FULL", small_games.SMALL)
    free = [name for name in asked if name not in fixtures]
    with pytest.raises(AssertionError):
        test(**dict(zip(free, values, strict=True)), **{name: fixtures[name] for name in asked if name in fixtures})

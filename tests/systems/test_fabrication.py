"""The fabrication loop: recipes, surfaces, searches and what a table can teach."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ohmloom.data import load
from ohmloom.descriptions import Description
from ohmloom.errors import ConfigurationError
from ohmloom.experiments.search import bayesian_available, values
from ohmloom.systems.bayesmulti.fabrication import _moved
from ohmloom.systems.bayesmulti.fabrication_search import grid, grid_steps, reached_after, search
from ohmloom.systems.bayesmulti.fabrication_table import deviation_within, explained
from ohmloom.systems.bayesmulti.recipes import MATERIALS, Made, Recipe, rated_recipes, variables
from ohmloom.systems.bayesmulti.settings import FabricationSettings
from ohmloom.systems.bayesmulti.surfaces import Peaks, Surrogate, left_out, recipes_of


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=5, max_size=5))
def test_a_point_and_its_recipe_say_the_same(point: list[float]) -> None:
    recipe = Recipe(**values(variables(), point))
    assert recipe.shares == pytest.approx(point[:4], abs=1e-9)
    assert recipe.kind == min(int(4 * point[4]), 3)


def test_the_table_lies_in_the_ranges_of_the_log() -> None:
    made = rated_recipes(load("perovskite"))
    assert len(made) == 37
    for one in made:
        assert all(-1e-9 <= share <= 1 + 1e-9 for share in one.recipe.shares)
    assert {one.recipe.material for one in made} == set(MATERIALS) - {"CsPbI3"}
    assert len(set(recipes_of(made))) < 37  # some were made alike


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=4, max_size=4), st.integers(0, 3))
def test_no_place_is_above_the_known_optimum(shares: list[float], kind: int) -> None:
    surface = Peaks()
    assert surface.usability(np.array([shares]), np.array([float(kind)]))[0] <= surface.optimum.usability
    at_best = surface.usability(np.array([surface.optimum.shares]), np.array([float(surface.optimum.kind)]))
    assert at_best[0] == pytest.approx(surface.optimum.usability)


def _drawn(surface: Peaks, count: int) -> list[Made]:
    chance = np.random.default_rng(0)
    recipes = [Recipe(**values(variables(), chance.random(5).tolist())) for _ in range(count)]
    return [Made(str(i), recipe, surface.of(recipe)) for i, recipe in enumerate(recipes)]


def test_a_surrogate_learns_a_law_and_nothing_from_shuffled_values() -> None:
    made = _drawn(Peaks(), 60)
    truth, alone = np.array([one.usability for one in made]), list(range(0, 60))
    groups = [i // 6 for i in alone]
    assert explained(truth, left_out(made, groups, "process"), left_out(made, groups, "mean")) > 60
    order = np.random.default_rng(1).permutation(60)
    wrong = [one._replace(usability=float(truth[i])) for one, i in zip(made, order, strict=True)]
    assert explained(truth[order], left_out(wrong, groups, "process"), left_out(wrong, groups, "mean")) < 10


def test_the_best_of_a_surrogate_is_above_all_that_it_is_asked_and_names_of_materials_mean_nothing() -> None:
    made = _drawn(Peaks(), 30)
    surface = Surrogate(made)
    chance = np.random.default_rng(2)
    found = surface.usability(chance.random((3000, 4)), chance.integers(4, size=3000).astype(float))
    assert found.max() <= surface.optimum.usability + 1e-9
    turned: dict[str, str] = dict(zip(MATERIALS, (*MATERIALS[1:], MATERIALS[0]), strict=True))
    other = Surrogate([one._replace(recipe=one.recipe._replace(material=turned[one.recipe.material])) for one in made])
    assert other.optimum.usability == pytest.approx(surface.optimum.usability, rel=0.01)
    assert MATERIALS[other.optimum.kind] == turned[MATERIALS[surface.optimum.kind]]


def test_a_loop_repeats_itself_and_keeps_worth_and_measurement_apart() -> None:
    surface = Peaks(noise=0.05)
    loop = search(surface, "random", 3, evaluations=12, initial=4)
    assert loop == search(surface, "random", 3, evaluations=12, initial=4)
    assert loop.course[-1] == loop.worth[int(np.argmax(loop.measured))]
    assert np.std(np.subtract(loop.measured, loop.worth)) == pytest.approx(0.05, rel=0.6)
    exact = search(Peaks(noise=0.0), "random", 3, evaluations=12, initial=4)
    assert exact.measured == exact.worth == loop.worth
    assert exact.course == np.maximum.accumulate(exact.worth).tolist()


@pytest.mark.skipif(not bayesian_available(), reason="BoTorch is not installed")
def test_bayesian_search_climbs_where_chance_does_not() -> None:
    bayesian = search(Peaks(), "bayesian", 0, evaluations=13, initial=10)
    chance = search(Peaks(), "random", 0, evaluations=13, initial=10)
    assert bayesian.worth[:10] == chance.worth[:10]
    assert bayesian.course[-1] > max(chance.course[-1], bayesian.course[9])


def test_grids_fill_their_budget() -> None:
    assert grid_steps(variables(), 40) == [2, 2, 2, 1, 4]
    assert grid_steps(variables(), 3) == [1, 1, 1, 1, 4]
    assert len(grid(Peaks(), 0, 40).worth) == 32


def test_evaluations_are_counted_and_moved_materials_all_move() -> None:
    assert reached_after([0.1, 0.5, 0.95, 0.2], 1.0) == 3
    assert reached_after([0.1], 1.0) == 2
    for seed in range(20):
        moved = _moved(seed)
        assert set(moved) == set(MATERIALS)
        assert all(a != b for a, b in zip(moved, MATERIALS, strict=True))


def test_the_deviation_of_devices_made_alike_is_pooled() -> None:
    assert deviation_within(np.array([1.0, 3.0, 10.0, 5.0]), [0, 0, 1, 2]) == pytest.approx(np.sqrt(2))


@pytest.mark.parametrize(("field", "value"), [("searches", 2), ("evaluations", 0), ("noise", -1), ("shuffles", 0)])
def test_settings_that_make_no_sense_are_refused(field: str, value: float) -> None:
    with pytest.raises(ConfigurationError, match=field):
        FabricationSettings(**{field: value})  # pyright: ignore[reportArgumentType]
    assert issubclass(FabricationSettings, Description)

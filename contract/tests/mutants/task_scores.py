"""Tasks with a wrong loss, score, goal, prediction, reference or suite."""

import torch

from recurra import Goal, Score
from recurra_contract import ToyTask


class LossPerRow(ToyTask):
    def loss(self, y, batch):
        return (y - batch.target).square().mean((1, 2))


class LossWithoutGradient(ToyTask):
    def loss(self, y, batch):
        return super().loss(y.detach(), batch)


class FlatLoss(ToyTask):
    def loss(self, y, batch):
        return 0 * super().loss(y, batch)


class InfiniteLoss(ToyTask):
    def loss(self, y, batch):
        return super().loss(y, batch) / 0


class SpoiledGradient(ToyTask):
    def loss(self, y, batch):
        return super().loss(y, batch) + (0 * y).sqrt().sum()


class LossInPlace(ToyTask):
    def loss(self, y, batch):
        return y.data.sub_(batch.target).square().mean()


class ScoresSpoilTheBatch(ToyTask):
    def scores(self, y, batch):
        batch.target.zero_()
        return super().scores(y, batch)


class PredictsInPlace(ToyTask):
    def predict(self, y):
        return y.sigmoid_()


class LossOfPadding(ToyTask):
    def loss(self, y, batch):
        return (y - batch.target).square().mean()


class ScoresOfPadding(ToyTask):
    def scores(self, y, batch):
        return super().scores(y, batch._replace(mask=torch.ones_like(batch.mask)))


class PlainNumbers(ToyTask):
    def scores(self, y, batch):
        return {name: score.value for name, score in super().scores(y, batch).items()}


class TensorsInScores(ToyTask):
    def scores(self, y, batch):
        return {"squared_error": Score(self.loss(y, batch), 1)}


class NoScores(ToyTask):
    def scores(self, y, batch):
        return {}


class NoWeight(ToyTask):
    def scores(self, y, batch):
        return {"squared_error": Score(1.0, 0)}


class NotANumber(ToyTask):
    def scores(self, y, batch):
        return {"squared_error": Score(float("nan"), 1)}


class MeansInsteadOfSums(ToyTask):
    def scores(self, y, batch):
        return {name: Score(score.value, 1) for name, score in super().scores(y, batch).items()}


class GoalOnNothing(ToyTask):
    goal = Goal("accuracy", above=0.9)


class GoalBothWays(ToyTask):
    goal = Goal("squared_error", below=0.1, above=0.9)


class GoalNowhere(ToyTask):
    goal = Goal("squared_error")


class PredictsOneStep(ToyTask):
    def predict(self, y):
        return y[:, -1]


class PredictsNothing(ToyTask):
    def predict(self, y):
        return y / 0


class ForeignScore(ToyTask):
    def baselines(self):
        return {"constant": {"accuracy": 0.5}}


class ForeignScoreInTheSuite(ToyTask):
    def suite(self):
        return {"length-9": ForeignScore(length=9)}


class NobodyKnows(ToyTask):
    def baselines(self):
        return {"constant": {"squared_error": float("nan")}}


class BetterThanOptimal(ToyTask):
    def baselines(self):
        return {"optimal": {"squared_error": 0.5}, "lucky": {"squared_error": 0.4}}


class EmptySuite(ToyTask):
    def suite(self):
        return {}


class SuiteOfAnotherWidth(ToyTask):
    def suite(self):
        return {"wide": ToyTask(size=self.input_size + 1)}


class SuiteOfNames(ToyTask):
    def suite(self):
        return {"test": "toy"}


class HalfKnowing(ToyTask):
    def oracle(self, batch):
        return batch.target + 0.5


class MeanOfAll(ToyTask):
    def goal_scores(self, y, batch):
        return (y - batch.target).double().square().mean((1, 2, 3))  # of the padding, too


class SinglePrecision(ToyTask):
    def goal_scores(self, y, batch):
        return torch.tensor([self.scores(own, batch)["squared_error"].value for own in y])


class LossUpsideDown(ToyTask):
    def loss(self, y, batch):
        return -super().loss(y, batch)


MUTANTS = [
    ("check_loss_is_differentiable", LossPerRow),
    ("check_loss_is_differentiable", LossWithoutGradient),
    ("check_loss_is_differentiable", FlatLoss),
    ("check_loss_is_differentiable", InfiniteLoss),
    ("check_loss_is_differentiable", SpoiledGradient),
    ("check_loss_and_scores_change_nothing", LossInPlace),
    ("check_loss_and_scores_change_nothing", ScoresSpoilTheBatch),
    ("check_loss_and_scores_change_nothing", PredictsInPlace),
    ("check_only_the_mask_counts", LossOfPadding),
    ("check_only_the_mask_counts", ScoresOfPadding),
    ("check_scores_are_sums_and_weights", PlainNumbers),
    ("check_scores_are_sums_and_weights", TensorsInScores),
    ("check_scores_are_sums_and_weights", NoScores),
    ("check_scores_are_sums_and_weights", NoWeight),
    ("check_scores_are_sums_and_weights", NotANumber),
    ("check_scores_add", MeansInsteadOfSums),
    ("check_goal_is_a_score", GoalOnNothing),
    ("check_goal_is_a_score", GoalBothWays),
    ("check_goal_is_a_score", GoalNowhere),
    ("check_predict_keeps_steps", PredictsOneStep),
    ("check_predict_keeps_steps", PredictsNothing),
    ("check_baselines_are_scores", ForeignScore),
    ("check_baselines_are_scores", ForeignScoreInTheSuite),
    ("check_baselines_are_scores", NobodyKnows),
    ("check_baselines_are_scores", BetterThanOptimal),
    ("check_suite_fits_the_model", EmptySuite),
    ("check_suite_fits_the_model", SuiteOfAnotherWidth),
    ("check_suite_fits_the_model", SuiteOfNames),
    ("check_oracle_meets_the_goal", HalfKnowing),
    ("check_oracle_meets_the_goal", LossUpsideDown),
    ("check_goal_scores_are_scores", MeanOfAll),
    ("check_goal_scores_are_scores", SinglePrecision),
]

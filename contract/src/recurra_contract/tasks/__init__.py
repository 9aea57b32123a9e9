"""The contract of tasks. `make()` creates a small one; the checks run in the order of their files."""

from recurra_contract.tasks.batches import check_batch_has_declared_shapes as check_batch_has_declared_shapes
from recurra_contract.tasks.batches import check_batch_size_is_honoured as check_batch_size_is_honoured
from recurra_contract.tasks.batches import (
    check_class_name_does_not_matter as check_class_name_does_not_matter,
)
from recurra_contract.tasks.batches import check_mask_lies_within_lengths as check_mask_lies_within_lengths
from recurra_contract.tasks.batches import check_options_round_trip as check_options_round_trip
from recurra_contract.tasks.batches import check_sizes_are_declared as check_sizes_are_declared
from recurra_contract.tasks.batches import (
    check_stream_and_version_are_stated as check_stream_and_version_are_stated,
)
from recurra_contract.tasks.randomness import (
    check_all_randomness_comes_from_rng as check_all_randomness_comes_from_rng,
)
from recurra_contract.tasks.randomness import (
    check_batch_is_a_function_of_its_number as check_batch_is_a_function_of_its_number,
)
from recurra_contract.tasks.randomness import (
    check_batch_is_the_same_in_another_process as check_batch_is_the_same_in_another_process,
)
from recurra_contract.tasks.randomness import check_batches_differ as check_batches_differ
from recurra_contract.tasks.randomness import check_fingerprints_are_stable as check_fingerprints_are_stable
from recurra_contract.tasks.randomness import (
    check_global_generators_are_left_alone as check_global_generators_are_left_alone,
)
from recurra_contract.tasks.randomness import check_ranks_share_a_batch as check_ranks_share_a_batch
from recurra_contract.tasks.scores import check_baselines_are_scores as check_baselines_are_scores
from recurra_contract.tasks.scores import check_goal_is_a_score as check_goal_is_a_score
from recurra_contract.tasks.scores import check_goal_scores_are_scores as check_goal_scores_are_scores
from recurra_contract.tasks.scores import (
    check_loss_and_scores_change_nothing as check_loss_and_scores_change_nothing,
)
from recurra_contract.tasks.scores import check_loss_is_differentiable as check_loss_is_differentiable
from recurra_contract.tasks.scores import check_only_the_mask_counts as check_only_the_mask_counts
from recurra_contract.tasks.scores import check_oracle_meets_the_goal as check_oracle_meets_the_goal
from recurra_contract.tasks.scores import check_predict_keeps_steps as check_predict_keeps_steps
from recurra_contract.tasks.scores import check_scores_add as check_scores_add
from recurra_contract.tasks.scores import (
    check_scores_are_sums_and_weights as check_scores_are_sums_and_weights,
)
from recurra_contract.tasks.scores import check_suite_fits_the_model as check_suite_fits_the_model

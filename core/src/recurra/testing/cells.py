"""What every cell must hold."""

from recurra.testing.cell_checks.mistakes import check_wrong_input_is_refused as check_wrong_input_is_refused
from recurra.testing.cell_checks.mistakes import (
    check_wrong_lengths_are_refused as check_wrong_lengths_are_refused,
)
from recurra.testing.cell_checks.mistakes import check_wrong_state_is_refused as check_wrong_state_is_refused
from recurra.testing.cell_checks.numbers import check_every_parameter_learns as check_every_parameter_learns
from recurra.testing.cell_checks.numbers import check_exact_gradient as check_exact_gradient
from recurra.testing.cell_checks.numbers import check_extremes as check_extremes
from recurra.testing.cell_checks.numbers import check_mixed_precision as check_mixed_precision
from recurra.testing.cell_checks.numbers import check_precision as check_precision
from recurra.testing.cell_checks.numbers import check_windows_are_cut as check_windows_are_cut
from recurra.testing.cell_checks.placement import check_device as check_device
from recurra.testing.cell_checks.placement import check_export as check_export
from recurra.testing.cell_checks.sequences import check_batch_size as check_batch_size
from recurra.testing.cell_checks.sequences import check_causality as check_causality
from recurra.testing.cell_checks.sequences import check_forward_equals_steps as check_forward_equals_steps
from recurra.testing.cell_checks.sequences import check_gradients_cross_cuts as check_gradients_cross_cuts
from recurra.testing.cell_checks.sequences import check_gradients_equal_steps as check_gradients_equal_steps
from recurra.testing.cell_checks.sequences import check_hand_off as check_hand_off
from recurra.testing.cell_checks.sequences import check_input_matters as check_input_matters
from recurra.testing.cell_checks.sequences import check_lengths as check_lengths
from recurra.testing.cell_checks.sequences import (
    check_no_chance_in_evaluation as check_no_chance_in_evaluation,
)
from recurra.testing.cell_checks.sequences import check_packed as check_packed
from recurra.testing.cell_checks.sequences import check_padding as check_padding
from recurra.testing.cell_checks.sequences import check_padding_gradients as check_padding_gradients
from recurra.testing.cell_checks.sequences import check_rows_are_independent as check_rows_are_independent
from recurra.testing.cell_checks.sequences import check_state_is_batched as check_state_is_batched
from recurra.testing.cell_checks.shapes import check_copies as check_copies
from recurra.testing.cell_checks.shapes import check_empty as check_empty
from recurra.testing.cell_checks.shapes import check_initial_state as check_initial_state
from recurra.testing.cell_checks.shapes import check_options as check_options
from recurra.testing.cell_checks.shapes import check_own_loss as check_own_loss
from recurra.testing.cell_checks.shapes import check_pure as check_pure
from recurra.testing.cell_checks.shapes import check_shapes as check_shapes
from recurra.testing.cell_checks.shapes import check_views as check_views
from recurra.testing.cell_checks.shapes import check_whole_state as check_whole_state

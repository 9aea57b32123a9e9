"""The public names of recurra_contract; every other module is private by convention."""

from recurra_contract.examples.cells import Identity as Identity
from recurra_contract.examples.cells import ToyCell as ToyCell
from recurra_contract.examples.cells import ToyMemory as ToyMemory
from recurra_contract.examples.graphs import MergingCell as MergingCell
from recurra_contract.examples.graphs import ToyGraphTask as ToyGraphTask
from recurra_contract.examples.growing import GrowingCell as GrowingCell
from recurra_contract.examples.staged import StagedCell as StagedCell
from recurra_contract.examples.tasks import ToyTask as ToyTask
from recurra_contract.examples.tasks import ToyTrainer as ToyTrainer
from recurra_contract.fingerprints import check_fingerprint as check_fingerprint
from recurra_contract.fingerprints import fingerprint as fingerprint
from recurra_contract.kit import Check as Check
from recurra_contract.kit import CheckFailed as CheckFailed
from recurra_contract.kit import Contract as Contract
from recurra_contract.kit import Result as Result
from recurra_contract.kit import Skip as Skip
from recurra_contract.kit import checks as checks
from recurra_contract.parametrize import contract as contract
from recurra_contract.trainer_examples import Examples as Examples
from recurra_contract.trainer_examples import examples_of as examples_of

"""NEAT: genomes have the networks that the library says, XOR is solved, and a restored search goes on."""

import io
import random
from types import SimpleNamespace

import neat
import pytest
import torch

from recurra import IncompatibleParts, Ref, Topology
from recurra_contract import ToyTask
from recurra_evolution.genetics import Genetics
from recurra_evolution.genomes import as_weights, restored, saved
from recurra_evolution.library import Genome
from recurra_evolution.structures import StructureSearch
from recurra_evolution.trainer import Evolution
from recurra_evolving_ntm.network import NeatNetwork
from recurra_lab import Model

GROWTH = {"add_node": 0.4, "add_connection": 0.6, "remove_connection": 0.2, "remove_node": 0.1, "enable": 0.1}
SLOPE_OF_THE_LIBRARY = 5.0


def search_in(cell, population, **options):
    return StructureSearch(
        cell.topology(), cell.w.detach().double().flatten(), population, Genetics(**options)
    )


def grown(cell, generations, seed=0, population=30, **options):
    """Return a search after some generations of chance."""
    search = search_in(cell, population, **GROWTH, **options)
    for k in range(generations):
        vectors = search.ask(seed + k)
        rng = torch.Generator().manual_seed(seed + k)
        search.tell(vectors, torch.rand(len(vectors), generator=rng, dtype=torch.float64))
    return search


def in_the_library(genome):
    """Return the same genome with nodes as the library's networks want them."""
    nodes = {}
    for key in genome.nodes:
        nodes[key] = neat.genome.DefaultNodeGene(key)
        nodes[key].bias, nodes[key].response = 0.0, 1.0
        nodes[key].activation, nodes[key].aggregation = "sigmoid", "sum"
    return SimpleNamespace(nodes=nodes, connections=genome.connections)


@pytest.mark.parametrize("connections", ["feed-forward", "recurrent"])
@torch.no_grad()
def test_networks_are_those_of_the_library(connections):
    options = {"hidden_size": 12, "layers": 12, "slope": SLOPE_OF_THE_LIBRARY}
    cell = NeatNetwork(2, output_size=2, connections=connections, **options).double()
    search = grown(cell, 12, population=80)
    kinds = {"feed-forward": neat.nn.FeedForwardNetwork, "recurrent": neat.nn.RecurrentNetwork}
    x = torch.randn(1, 5, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    tried = 0
    for genome in search.genomes.values():
        weights = as_weights(genome, search.room)
        # Of a node that nothing reaches the library says 0 in a recurrent network, and σ(0) in the other.
        reached = {gene.key[1] for gene in genome.connections.values() if gene.enabled}
        if weights is None or len(genome.nodes) < 5 or reached < set(genome.nodes):
            continue
        tried += 1
        cell.w.copy_(torch.from_numpy(weights).reshape(cell.w.shape))
        network = kinds[connections].create(in_the_library(genome), search.library.config)
        expected = [network.activate([*step, 1.0]) for step in x[0].tolist()]
        torch.testing.assert_close(cell(x)[0][0].sigmoid(), torch.tensor(expected).double())
    assert tried >= 5


def test_a_genome_by_hand():
    """Input -1 -> node 7 -> output 0, the bias -3 -> output 1, and a connection that is off."""
    room = Topology(torch.nn.Parameter(torch.zeros(3, 6)), 2, 2, 1, 3)
    parts = {
        "keys": torch.tensor([4]),
        "fitness": torch.tensor([torch.nan]),
        "nodes_each": torch.tensor([4]),
        "nodes": torch.tensor([0, 1, 7, 8]),
        "genes_each": torch.tensor([5]),
        "ends": torch.tensor([[-1, 7], [7, 0], [-3, 1], [-2, 0], [-2, 8]]),
        "innovations": torch.tensor([1, 2, 3, 4, 5]),
        "weights": torch.tensor([0.5, -2.0, 3.0, 9.0, 8.0]),
        "enabled": torch.tensor([True, True, True, False, True]),
    }
    genome = restored(parts)[4]
    # Columns: bias, inputs -1 and -2, nodes 0, 1 and 7; node 8 leads nowhere, and needs no room.
    expected = [[0, 0, 0, 0, 0, -2.0], [3.0, 0, 0, 0, 0, 0], [0, 0.5, 0, 0, 0, 0]]
    assert as_weights(genome, room).reshape(3, 6).tolist() == expected
    again = saved([genome])
    assert all(torch.equal(again[name], part) or name == "fitness" for name, part in parts.items())


def test_what_has_no_room_is_nan_and_least_fit():
    cell = NeatNetwork(2, output_size=1, hidden_size=1, layers=2)
    search = grown(cell, 8)
    vectors = search.ask(100)
    none = vectors.isnan().all(1)
    assert 0 < int(none.sum()) < len(vectors)
    search.tell(vectors, torch.where(none, -torch.inf, 1.0 + torch.arange(len(vectors), dtype=torch.float64)))
    fitness = torch.tensor([genome.fitness for genome in search.genomes.values()])
    assert (fitness[none] <= fitness[~none].min()).all()
    assert search.mean.isfinite().all()


def test_circles_never_come_where_they_must_not():
    for seed in range(3):
        search = grown(NeatNetwork(2, output_size=2, hidden_size=30, layers=30), 15, seed)
        for genome in search.genomes.values():
            ends = {(a, b) for a, b in genome.connections if a >= 0}
            nodes = set(genome.nodes)
            while nodes:  # a node that sees none of those left can be taken away, unless there is a circle
                free = {node for node in nodes if not any(b == node and a in nodes for a, b in ends)}
                assert free
                nodes -= free


@pytest.mark.parametrize("connections", ["feed-forward", "recurrent"])
def test_a_restored_search_goes_on_to_the_bit(connections):
    cell = NeatNetwork(3, output_size=2, hidden_size=8, connections=connections)
    # It begins anew on the way, for which it must know when somebody was fitter.
    search, again = grown(cell, 6, restart=5), search_in(cell, 30, **GROWTH, restart=5)
    file = io.BytesIO()
    torch.save(search.state(), file)
    file.seek(0)
    again.restore(torch.load(file, weights_only=True))
    for k in range(8):
        one, other = search.ask(50 + k), again.ask(50 + k)
        assert one.equal(other) or torch.equal(one.nan_to_num(), other.nan_to_num())
        fitness = -torch.arange(30, dtype=torch.float64)
        search.tell(one, fitness)
        again.tell(other, fitness)
        assert search.mean.equal(again.mean)
    assert min(search.genomes) > 30 * 6


def test_without_progress_a_population_begins_anew():
    search = search_in(NeatNetwork(2), 12, restart=3, species=4)
    config = search.library.species.species_set_config
    thresholds = []
    eldest = []
    for k in range(9):
        vectors = search.ask(k)
        assert len(vectors) == 12
        search.tell(vectors, -torch.tensor(list(search.genomes), dtype=torch.float64))
        eldest.append(min(search.genomes))
        thresholds.append(config.compatibility_threshold)
    assert eldest[:4] == [1] * 4  # the fittest lives on
    assert eldest[4] > 12  # as nobody was fitter for three generations
    assert eldest[4] == eldest[7] < eldest[8]
    assert thresholds[0] == thresholds[4] != thresholds[3]


def test_the_threshold_follows_the_number_of_species():
    few, many = (search_in(NeatNetwork(2), 40, threshold=t, species=5) for t in (100.0, 0.01))
    for k in range(3):
        for search in (few, many):
            vectors = search.ask(k)
            search.tell(vectors, torch.zeros(len(vectors), dtype=torch.float64))
    thresholds = [s.library.species.species_set_config.compatibility_threshold for s in (few, many)]
    assert thresholds == pytest.approx([100 / 1.1**3, 0.01 * 1.1**3])
    fixed = search_in(NeatNetwork(2), 40, threshold=0.5, species=None)
    fixed.ask(0)
    assert fixed.library.species.species_set_config.compatibility_threshold == 0.5


def test_the_process_keeps_its_random_numbers():
    random.seed(5)
    expected = random.random()
    random.seed(5)
    first = grown(NeatNetwork(2), 2).ask(9)
    assert random.random() == expected
    assert grown(NeatNetwork(2), 2).ask(9).equal(first)


@torch.no_grad()
def test_xor_is_solved():
    """Stanley and Miikkulainen 2002, section 4.2, which needs a hidden node; starting without one."""
    cell = NeatNetwork(2, output_size=1, hidden_size=12, layers=6).double()
    x = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=torch.float64)[:, None]
    due = torch.tensor([0, 1, 1, 0], dtype=torch.float64)
    search = search_in(cell, 150)
    for k in range(1000, 1150):
        vectors = search.ask(k)
        answers = [torch.func.functional_call(cell, {"w": v.reshape(cell.w.shape)}, (x,))[0] for v in vectors]
        apart = (torch.stack(answers).sigmoid()[:, :, 0, 0] - due).abs().sum(1)
        search.tell(vectors, ((4 - apart) ** 2).nan_to_num(-torch.inf))
        cell.w.copy_(search.mean.reshape(cell.w.shape))
        if ((cell(x)[0][:, 0, 0] > 0) == (due > 0.5)).all():
            break
    else:
        pytest.fail("150 generations of 150 did not solve XOR")
    assert any(len(genome.nodes) > 1 for genome in search.genomes.values())


def test_mistakes_are_told():
    task = ToyTask()
    model = Model(task, Ref("cell", "neat-network", output_size=3))
    with pytest.raises(IncompatibleParts, match=r"cell=evolving-ntm, and model\.readout=none"):
        Evolution(algorithm="neat").lightning_module(model, task, 0)
    with pytest.raises(IncompatibleParts, match="those of one network that can grow must be all there are"):
        Evolution(algorithm="neat").lightning_module(
            Model(task, Ref("cell", "elman", hidden_size=3)), task, 0
        )


def test_genomes_of_the_library_are_ours():
    search = grown(NeatNetwork(2), 1)
    assert all(type(genome) is Genome for genome in search.genomes.values())
    assert len(search.genomes) == 30

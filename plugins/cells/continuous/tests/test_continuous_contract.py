"""Every continuous-time cell keeps the contract, on regular and irregular steps and in its other forms."""

from recurra_contract import contract

TIMED = {"elapsed": "last-channel"}
CTRNN_FORMS = {
    "euler": {"method": "euler", "learn_tau": True, **TIMED},
    "dale": {"dale": 0.8, "activation": "softplus", "density": 0.7, **TIMED},
    "low rank": {"rank": 2, "activation": "logistic"},
}
CFC_FORMS = {
    "no gate": {"mode": "no-gate", "backbone_layers": 2, **TIMED},
    "pure": {"mode": "pure", **TIMED},
}


@contract("cell", "ctrnn")
def test_ctrnn(check):
    check()


@contract("cell", "ctrnn", CTRNN_FORMS)
def test_ctrnn_in_other_forms(check):
    check()


@contract("cell", "ltc")
def test_ltc(check):
    check()


@contract("cell", "ltc", {"timed": TIMED})
def test_ltc_in_other_forms(check):
    check()


@contract("cell", "cfc")
def test_cfc(check):
    check()


@contract("cell", "cfc", CFC_FORMS)
def test_cfc_in_other_forms(check):
    check()


@contract("cell", "co-rnn")
def test_co_rnn(check):
    check()


@contract("cell", "co-rnn", {"implicit": {"damping": "implicit", **TIMED}, "explicit": TIMED})
def test_co_rnn_in_other_forms(check):
    check()


@contract("cell", "lem")
def test_lem(check):
    check()


@contract("cell", "lem", {"timed": TIMED})
def test_lem_in_other_forms(check):
    check()

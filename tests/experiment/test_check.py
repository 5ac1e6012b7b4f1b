"""Every mistake in an experiment is found at once, with its place and what was expected."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.experiment.check import check, read_experiment
from framework.experiment.errors import UserError
from framework.experiment.overrides import put
from framework.experiment.yaml_reader import dump, read

from . import fakes
from .fakes import GOOD, checked


def problems(text, settings=()):
    """The lines of the error that `text` gives."""
    with pytest.raises(UserError) as raised:
        checked(text, settings)
    assert raised.value.code == 2
    return str(raised.value).splitlines()


def test_good():
    plan = checked(GOOD)
    assert [type(layer).__name__ for layer in plan.layers] == [
        "Flatten",
        "Dense",
        "Dropout",
        "Dense",
    ]
    assert plan.layers[1].units == 16 and plan.layers[1].activation == "relu"
    assert plan.loss == "sparse_categorical_crossentropy" and plan.metrics == ["accuracy"]
    assert plan.optimizer.learning_rate == 0.001
    assert plan.experiment.batch_size == 32 and plan.experiment.output.folder == "runs"


def test_the_resolved_configuration_is_an_experiment_again():
    plan = checked(GOOD)
    again = checked(dump(plan.resolved()))
    assert again.resolved() == plan.resolved()


def test_name_is_the_files_by_default(tmp_path):
    (tmp_path / "some.yaml").write_text(GOOD.replace("name: mine\n", ""))
    plan = check(read_experiment(tmp_path / "some.yaml"), fakes.catalog())
    assert plan.experiment.name == "some"


def test_objects_inside_objects():
    text = GOOD.replace(
        "{units: 10}",
        "{units: 10, kernel_initializer: {HeNormal: {seed: 1}}, kernel_regularizer: L2}",
    ).replace("1e-3", "{CosineDecay: {initial_learning_rate: 1, decay_steps: 9}}")
    plan = checked(text)
    assert plan.layers[3].kernel_initializer.seed == 1
    assert isinstance(plan.layers[3].kernel_regularizer, fakes.L2)
    assert plan.optimizer.learning_rate.decay_steps == 9


def test_files_of_callbacks_go_to_the_run_folder(tmp_path):
    text = GOOD.replace("EarlyStopping: {patience: 3}", "CSVLogger: {filename: log.csv}")
    assert checked(text).callbacks(tmp_path)[0].filename == str(tmp_path / "log.csv")
    text = text.replace("log.csv", "/elsewhere/log.csv")
    assert checked(text).callbacks(tmp_path)[0].filename == "/elsewhere/log.csv"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("epochs: 2", "epoch: 2", "18:1: epoch: unknown key (did you mean 'epochs'?)"),
        ("epochs: 2", "epoch: 2", "1:1: epochs: required key is missing"),
        ("epochs: 2", "epochs: two", "18:1: epochs: expected a whole number, got 'two'"),
        ("epochs: 2", "epochs: 2.5", "18:1: epochs: expected a whole number, got 2.5"),
        ("epochs: 2", "epochs: '2'", "18:1: epochs: expected a whole number, got '2'"),
        ("epochs: 2", "epochs: true", "18:1: epochs: expected a whole number, got true"),
        ("epochs: 2", "epochs: 0", "18:1: epochs: expected at least 1, got 0"),
        ("seed: 3", "seed: -1", "2:1: seed: expected at least 0, got -1"),
        ("epochs: 2", "epochs: 2\nnan: rise", "19:1: nan: expected one of raise, ignore, got 'r"),
        ("epochs: 2", "epochs: 2\nnan: rais", "(did you mean 'raise'?)"),
        ("epochs: 2", "epochs: 2\noutput: runs", "output: expected a mapping of keys, got 'runs'"),
        ("epochs: 2", "epochs: 2\noutput: {foldr: a}", "19:10: output.foldr: unknown key (did you"),
        ("epochs: 2", "epochs: 2\ndistributed: {backend: nccl}", "expected one of auto, none, mpi"),
        ("epochs: 2", "epochs: 2\ndistributed: {timeout_seconds: 0}", "expected more than 0"),
        ("name: mine", "name: a/b", "1:1: name: expected letters, digits and . _ + - only"),
        ("name: mine", "name: ..", "1:1: name: expected letters"),
        (
            "name: digits",
            "name: digit",
            "4:3: data.name: unknown data set 'digit' (did you mean 'd",
        ),
        ("name: digits", "file: a.npz\n  name: digits", "3:1: data: expected either a data set"),
        ("  name: digits\n", "", "3:1: data: expected either a data set"),
        (
            "validation: 0.1",
            "validation: 1.5",
            "5:3: data.validation: expected a number of samples",
        ),
        ("validation: 0.1", "validation: -1", "5:3: data.validation: expected a number of samples"),
        ("test: 10", "test: ten", "6:3: data.test: expected a number of samples"),
        ("test: 10", "test: 10\n  flatten: 1", "7:3: data.flatten: expected true or false, got 1"),
        ("test: 10", "test: 10\n  flaten: true", "7:3: data.flaten: unknown key (did you mean"),
        ("  - Flatten\n", "  - Flaten\n", "8:5: model[0]: unknown layer 'Flaten' (did you mean"),
        ("  - Flatten\n", "  - dense\n", "unknown layer 'dense' (did you mean 'Dense'?)"),
        ("  - Flatten\n", "  - 7\n", "8:5: model[0]: expected a layer: its name, or one name"),
        ("  - Flatten\n", "  - \n", "model[0]: expected a layer: its name, or one name with argum"),
        ("Dropout:", "Dropuot:", "10:5: model[2].Dropuot: unknown layer 'Dropuot' (did you mean"),
        (
            "      rate: 0.5",
            "    rate: 0.5",
            "got the keys Dropout, rate; indent the arguments deeper",
        ),
        (
            "      rate: 0.5",
            "      {}",
            "model[2].Dropout.rate: required argument of Dropout is mis",
        ),
        (
            "\n      rate: 0.5",
            " 0.5",
            "model[2].Dropout: expected arguments by name, like {rate: ...",
        ),
        ("rate: 0.5", "rate: half", "11:7: model[2].Dropout.rate: expected a number, got 'half'"),
        ("rate: 0.5", "rte: 0.5", "11:7: model[2].Dropout.rte: unknown argument of Dropout (did"),
        ("rate: 0.5", "rate: 0.5\n      trainable: 1", "Dropout.trainable: expected true or false"),
        (
            "{units: 10}",
            "{units: 10.5}",
            "12:13: model[3].Dense.units: expected a whole number, go",
        ),
        ("{units: 10}", "{units: [10]}", "model[3].Dense.units: expected a whole number, got [10]"),
        ("{units: 10}", "{units: 0}", "12:13: model[3].Dense.units: Dense: units is 0, wante"),
        ("{units: 10}", "{units: 10, activation: rely}", "unknown activation 'rely' (did you mean"),
        (
            "{units: 10}",
            "{units: 10, activation: 3}",
            "expected a activation: its name, or one name wi",
        ),
        ("{units: 10}", "{units: 10, kernel_initializer: he}", "unknown initializer 'he'"),
        (
            "{units: 10}",
            "{units: 10, kernel_initializer: {HeNormal: {sed: 1}}}",
            "unknown argument",
        ),
        ("{units: 10}", "{units: 10, activation: {relu: {}}}", "relu takes no arguments here"),
        ("Dense: {units: 10}", "Reshape: {target_shape: 3}", "expected a list of whole numbers"),
        ("Dense: {units: 10}", "Reshape: {target_shape: [3, a]}", "expected a list of whole numb"),
        ("Dense: {units: 10}", "Padding: {padding: some}", "expected one of 'valid', 'same', got"),
        ("loss: sparse", "loss: sprase", "13:1: loss: unknown loss 'sprase_categorical_crossentr"),
        ("metrics: [accuracy]", "metrics: accuracy", "14:1: metrics: expected a list, got 'accur"),
        (
            "[accuracy]",
            "[acuracy]",
            "14:11: metrics[0]: unknown metric 'acuracy' (did you mean 'ac",
        ),
        ("name: Adam", "name: Adm", "15:13: optimizer.name: unknown optimizer 'Adm' (did you mean"),
        ("name: Adam", "name: 3", "15:13: optimizer.name: expected a optimizer"),
        ("name: Adam, ", "", "15:1: optimizer.name: required key is missing"),
        (
            "{name: Adam, learning_rate: 1e-3}",
            "{Adam: {}}",
            "required key is missing (write name: A",
        ),
        (
            "learning_rate: 1e-3",
            "lr: 1e-3",
            "15:25: optimizer.lr: unknown argument of Adam (known:",
        ),
        ("1e-3", "fast", "optimizer.learning_rate: expected a number or a schedule like `CosineDe"),
        ("1e-3", "0", "15:25: optimizer.learning_rate: expected a rate above 0, got 0"),
        ("1e-3", "-0.1", "expected a rate above 0, got -0.1"),
        ("test: 10", "test: 0.95", "3:1: data: validation 0.1 and test 0.95 leave no samples for"),
        (
            "patience: 3",
            "patience: 3, monitor: val_los",
            "EarlyStopping.monitor: there is no 'val_lo",
        ),
        ("patience: 3", "monitor: val_acc", "to watch (did you mean 'val_accuracy'?)"),
        ("validation: 0.1", "validation: 0", "'val_loss' to watch (data.validation is 0, so there"),
        ("1e-3", "[1]", "optimizer.learning_rate: expected a number"),
        ("1e-3", "{CosineDcay: {}}", "unknown schedule 'CosineDcay' (did you mean 'CosineDecay'?)"),
        ("1e-3", "{CosineDecay: {decay_steps: 1}}", "initial_learning_rate: required argument of"),
        (
            "patience: 3",
            "patience: long",
            "17:21: callbacks[0].EarlyStopping.patience: expected a ",
        ),
        ("patience: 3", "patience: 3, mode: 4", "EarlyStopping.mode: expected text or null, got 4"),
        (
            "EarlyStopping: {patience: 3}",
            "LambdaCallback: {on_epoch_end: [print]}",
            "expected a Python function, which YAML cannot hold or null",
        ),
        ("model:\n", "model: Flatten\nother:\n", "model: expected a list, got 'Flatten'"),
    ],
)
def test_one_mistake(old, new, expected):
    assert old in GOOD
    lines = problems(GOOD.replace(old, new, 1))
    assert any(expected in line for line in lines), lines
    assert all(line.startswith("mine.yaml:") for line in lines)


def test_values_out_of_range_are_told_with_the_others():
    text = (
        GOOD.replace("1e-3", "-1").replace("test: 10", "test: 0.95").replace("rate: 0.5", "rat: 1")
    )
    text = text.replace("patience: 3", "monitor: vall_oss").replace("epochs: 2", "epochs: 0")
    assert len(problems(text)) == 6  # Dropout lacks rate and has rat


def test_all_mistakes_at_once_in_the_order_of_the_file():
    text = GOOD.replace("epochs: 2", "epochs: x").replace("units: 16", "unit: 16")
    text = text.replace("seed: 3", "seed: x").replace("rate: 0.5", "rate: x")
    text = text.replace("digits", "digts").replace("patience", "patienc")
    lines = problems(text)
    rows = [int(line.split(":")[1]) for line in lines]
    assert rows == sorted(rows) and len(lines) == 7  # Dense lacks units and has unit


@pytest.mark.parametrize("text", ["", "just text", "- a\n- b", "3"])
def test_no_mapping_at_all(text):
    assert problems(text)[0].startswith("mine.yaml:1:1: expected a mapping of keys, got")


def test_empty_model():
    start, end = GOOD.index("model:"), GOOD.index("loss:")
    text = GOOD[:start] + "model: []\n" + GOOD[end:]
    assert problems(text) == ["mine.yaml:7:1: model: expected at least one entry, got none"]


class TestFiles:
    """Experiment files that cannot be read."""

    def message(self, path, settings=()):
        with pytest.raises(UserError) as raised:
            read_experiment(path, settings)
        return str(raised.value)

    def test_missing(self, tmp_path):
        (tmp_path / "mnist_mlp.yaml").write_text("a: 1")
        told = self.message(tmp_path / "mnist_mpl.yaml")
        assert "mnist_mpl.yaml: no such file (did you mean 'mnist_mlp.yaml'?)" in told
        assert self.message(tmp_path / "no" / "x.yaml").endswith("x.yaml: no such file")

    def test_folder(self, tmp_path):
        assert "this is a folder" in self.message(tmp_path)

    def test_binary(self, tmp_path):
        (tmp_path / "a.yaml").write_bytes(b"a: \xff\xfe")
        assert "not text in UTF-8 (byte 3)" in self.message(tmp_path / "a.yaml")

    def test_byte_order_mark(self, tmp_path):
        (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfa: 1")
        assert read_experiment(tmp_path / "a.yaml").data == {"a": 1}


class TestSet:
    """--set overrides, and mistakes in them are told as theirs."""

    def test_values(self):
        plan = checked(
            GOOD,
            [
                "optimizer.learning_rate=1e-2",
                "model[1].Dense.units=7",
                "model.3.Dense.units = 11",
                "output.folder=elsewhere",
                "epochs=3",
                "epochs=4",
                "data={name: iris, test: 0.2}",
                "callbacks=[]",
            ],
        )
        assert plan.optimizer.learning_rate == 0.01
        assert (plan.layers[1].units, plan.layers[3].units) == (7, 11)
        assert plan.experiment.output.folder == "elsewhere" and plan.experiment.epochs == 4
        assert plan.experiment.data.name == "iris" and plan.experiment.data.validation == 0

    def test_optimizer_written_as_a_name(self):
        text = GOOD.replace("{name: Adam, learning_rate: 1e-3}", "adam")
        assert checked(text, ["optimizer.learning_rate=0.5"]).optimizer.learning_rate == 0.5

    def test_a_schedule_is_replaced(self):
        text = GOOD.replace("1e-3", "{CosineDecay: {initial_learning_rate: 1, decay_steps: 9}}")
        assert checked(text, ["optimizer.learning_rate=0.5"]).optimizer.learning_rate == 0.5

    @pytest.mark.parametrize(
        ("setting", "message"),
        [
            ("epochs", "--set epochs: expected key.path=value, like optimizer.learning_rate=0.01"),
            ("=3", "--set =3: expected key.path=value"),
            ("a..b=3", "--set a..b=3: expected key.path=value"),
            ("epochs=[1", "--set epochs=[1: value:1:3: not valid YAML"),
            ("epochs=x", "--set epochs=x: epochs: expected a whole number, got 'x'"),
            ("epoch=3", "--set epoch=3: epoch: unknown key (did you mean 'epochs'?)"),
            ("output.x=3", "--set output.x=3: output.x: unknown key"),
            ("seed.x=3", "--set seed.x=3: seed is 3 and has no 'x' inside"),
            ("model[9].Dense.units=3", "model has 4 entries, there is no [9]"),
            ("model.Dense.units=3", "model is a list: expected model[0] or the like"),
            ("model[0].Flatten.x=3", "model[0] is 'Flatten' and has no 'Flatten' inside"),
            ("optimizer.lr=3", "--set optimizer.lr=3: optimizer.lr: unknown argument of Adam"),
            ("model.1.Dense.units=-3", "--set model.1.Dense.units=-3: model[1].Dense.units: Dense"),
            ("model[1].Dense.unit=3", "--set model[1].Dense.unit=3: model[1].Dense.unit: unknown"),
            ("data.name=mist", "--set data.name=mist: data.name: unknown data set 'mist'"),
        ],
    )
    def test_mistakes(self, setting, message):
        lines = problems(GOOD, [setting])
        assert len(lines) == 1 and message in lines[0] and "mine.yaml" not in lines[0]

    def test_together_with_the_files_mistakes(self):
        lines = problems(GOOD.replace("units: 16", "units: x"), ["epochs=x", "seed=x"])
        assert [line.split(":")[0] for line in lines] == [
            "mine.yaml",
            "--set seed=x",
            "--set epochs=x",
        ]

    def test_wrong_settings_all_at_once(self):
        assert len(problems(GOOD, ["a", "b", "seed.x=1"])) == 3

    def test_a_file_with_comments_only(self):
        source = read("# nothing", "f")
        put(source, ("a", "b"), 1, "--set a.b=1")
        assert source.data == {"a": {"b": 1}} and source.origin(("a",)) == "--set a.b=1"


PATHS = ["epochs", "seed", "data", "data.test", "model", "model[1]", "model[1].Dense.units", "loss"]
PATHS += ["metrics", "optimizer", "optimizer.learning_rate", "callbacks", "nan", "output.curves"]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["adam", "Dense", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "Dense", "units", "x"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(PATHS), VALUES)
def test_any_value_anywhere_gives_a_plan_or_a_message(path, value):
    """Nothing but UserError, whatever stands at a key."""
    setting = f"{path}={dump([value])}"
    source = read(GOOD, "mine.yaml")
    keys = tuple(
        int(k) if k.isdigit() else k for k in path.replace("[", ".").replace("]", "").split(".")
    )
    put(source, keys, value, f"--set {setting}")
    try:
        check(source, fakes.catalog())
    except UserError as error:
        assert str(error)

"""What errors suggest for a misspelled name."""

from framework.engine.spelling import nearest, suggest


def test_suggestions():
    assert suggest("unit", ["units", "use_bias"]) == " (did you mean 'units'?)"
    assert suggest("Learning-Rate", ["learning_rate"]) == " (did you mean 'learning_rate'?)"
    assert suggest("q", ["b", "a"]) == " (known: a, b)" and suggest("q", []) == ""


def test_case_follows_the_word():
    names = ["mse", "MSE", "mean_squared_error", "Adam", "adam"]
    assert nearest("msee", names) == ["mse"] and nearest("MSEE", names) == ["MSE"]
    assert nearest("adm", names) == ["adam"] and nearest("Adm", names) == ["Adam"]


def test_nothing_is_suggested_for_a_word_far_from_all():
    assert nearest("function", ["uint8", "randn"]) == []

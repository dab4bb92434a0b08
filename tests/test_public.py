"""What is public: the names in `__all__` of the package and of the modules that it lists."""

import ast
import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

import jaxinterp

MODULES = [name for name in jaxinterp.__all__ if name != "__version__"]


def defined(body):
    """The names that a module binds, without those that it imports."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.If):
            yield from defined([*node.body, *node.orelse])


@pytest.mark.parametrize("name", MODULES)
def test_all_lists_every_public_name_and_no_other(name):
    module = getattr(jaxinterp, name)
    assert module is importlib.import_module(f"jaxinterp.{name}")
    assert len(module.__all__) == len(set(module.__all__))
    source = ast.parse(inspect.getsource(module))
    assert {own for own in defined(source.body) if not own.startswith("_")} <= set(module.__all__)
    for own in module.__all__:
        assert not own.startswith("_")
        assert hasattr(module, own) or importlib.import_module(f"jaxinterp.{name}.{own}")


def test_every_analysis_is_public():
    folder = Path(str(jaxinterp.analysis.__file__)).parent
    assert jaxinterp.analysis.__all__ == [module.name for module in pkgutil.iter_modules([str(folder)])]


def test_what_the_package_has_can_be_listed_and_all_else_is_refused_with_the_list():
    assert set(jaxinterp.__all__) <= set(dir(jaxinterp))
    with pytest.raises(AttributeError, match=r"no attribute 'trian'; it has __version__, analysis, choices,"):
        jaxinterp.trian  # noqa: B018

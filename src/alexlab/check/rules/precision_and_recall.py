"""Precision and recall in each other's place."""

import ast
import re
from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.programs import TRAINING
from alexlab.check.rules.written import last_name, sources

_OF_BOTH = ("precision_score", "recall_score", "classification_report", "precision_recall_fscore_support")
_PREDICTED = re.compile(r"pred|y_hat|yhat|output|guess", re.IGNORECASE)
_TRUE = re.compile(r"true|label|target|actual|truth|(?:^|_)gt(?:_|$)|y_test|test_y", re.IGNORECASE)
_POSITIVE = re.compile(r"(?:^|[ _])(tp|true_pos\w*)s?(?:[ _]|$)", re.IGNORECASE)
_MISSED = re.compile(r"(?:^|[ _])(fn|false_neg\w*)s?(?:[ _]|$)", re.IGNORECASE)
_WRONG = re.compile(r"(?:^|[ _])(fp|false_pos\w*)s?(?:[ _]|$)", re.IGNORECASE)


def _find(evidence: Evidence) -> Iterator[Finding]:
    for source in sources(evidence):
        for node in ast.walk(source.tree):
            message = _turned_round(node) or _exchanged(node)
            if message is not None:
                place = source.place(node.lineno)  # type: ignore[attr-defined]
                yield found(RULE.name, "warning", evidence, None, message, RULE.mend, place)


def _turned_round(node: ast.AST) -> Text | None:
    """Return what is wrong where the predictions stand where scikit-learn takes the labels."""
    if not isinstance(node, ast.Call) or last_name(node.func) not in _OF_BOTH or len(node.args) < 2:
        return None
    first, second = (_words(each) for each in node.args[:2])
    if not (
        _PREDICTED.search(first) and not _TRUE.search(first) and _TRUE.search(second) and not _PREDICTED.search(second)
    ):
        return None
    name = last_name(node.func)
    return Text(
        f"{name} takes the labels first and the predictions second: given the other way round, precision is recall and recall is "
        "precision.",
        f"{name} 的第一个参数是标签，第二个才是预测：颠倒之后，精确率成了召回率，召回率成了精确率。",
    )


def _exchanged(node: ast.AST) -> Text | None:
    """Return what is wrong where a figure is called by the other one's name."""
    if not isinstance(node, ast.Assign) or len(node.targets) != 1:
        return None
    target, value = node.targets[0], node.value
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Call):
        names = [last_name(each).lower() for each in target.elts[:2]]
        turned = len(names) == 2 and "recall" in names[0] and "prec" in names[1]
        if turned and last_name(value.func) == "precision_recall_fscore_support":
            return Text(
                "precision_recall_fscore_support gives precision first: here it is called recall.",
                "precision_recall_fscore_support 先给出精确率：这里却称之为召回率。",
            )
        return None
    name = last_name(target).lower()
    if (
        not isinstance(value, ast.BinOp)
        or not isinstance(value.op, ast.Div)
        or not _POSITIVE.search(_words(value.left))
    ):
        return None
    below = _words(value.right)
    missed, wrong = bool(_MISSED.search(below)), bool(_WRONG.search(below))
    if "precision" in name and "recall" not in name and missed and not wrong:
        return Text("TP / (TP + FN) is recall, and is called precision.", "TP / (TP + FN) 是召回率，这里却称为精确率。")
    if "recall" in name and "precision" not in name and wrong and not missed:
        return Text("TP / (TP + FP) is precision, and is called recall.", "TP / (TP + FP) 是精确率，这里却称为召回率。")
    return None


def _words(expression: ast.expr) -> str:
    """Return the names in an expression."""
    return " ".join(last_name(each) for each in ast.walk(expression) if isinstance(each, ast.Name | ast.Attribute))


_SCORED = """
from sklearn.metrics import precision_score

predicted, true = [], []
with torch.no_grad():
    for images, labels in test:
        predicted += network(images).argmax(1).tolist()
        true += labels.tolist()
print(precision_score({}, average="macro"))
"""

RULE = Rule(
    name="precision-and-recall",
    title=Text("precision and recall in each other's place", "精确率与召回率颠倒"),
    why=Text(
        "Precision is how many of those found are right, TP / (TP + FP); recall is how many of those that there are were found, "
        "TP / (TP + FN). scikit-learn takes (labels, predictions): exchanged, each figure is the other.",
        "精确率是找出的里面有多少是对的，TP / (TP + FP)；召回率是应找的里面找出了多少，TP / (TP + FN)。"
        "scikit-learn 的参数顺序是（标签，预测）：颠倒后两个数字互换。",
    ),
    mend=Text(
        "labels first: `precision_score(labels, predictions)`; precision = TP / (TP + FP), recall = TP / (TP + FN).",
        "标签在前：`precision_score(labels, predictions)`；精确率 = TP / (TP + FP)，召回率 = TP / (TP + FN)。",
    ),
    find=_find,
    bad=TRAINING + _SCORED.format("predicted, true"),
    good=TRAINING + _SCORED.format("true, predicted"),
)

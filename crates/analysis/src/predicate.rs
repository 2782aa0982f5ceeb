//! Conditions over the columns of a table, with PostgreSQL's meaning of null and NaN.

use std::cmp::Ordering;

use model::expression::{Condition, Literal, Operator};

use crate::{
    cell::{NULL_INTEGER, NULL_TEXT, float_order, is_null_float},
    dictionary::Dictionary,
    table::{Column, Table},
};

/// One condition on a slot.
#[derive(Clone, Debug)]
pub(crate) enum Test {
    Compare {
        slot: usize,
        operator: Operator,
        literal: Literal,
    },
    In {
        slot: usize,
        literals: Vec<Literal>,
    },
    Null {
        slot: usize,
        negated: bool,
    },
}

/// The dataset's column that a condition is about.
pub(crate) fn column(condition: &Condition) -> usize {
    match condition {
        Condition::Compare { column, .. } | Condition::In { column, .. } | Condition::Null { column, .. } => {
            *column
        }
    }
}

/// What a test said of a text before: nothing yet, false, true.
type Memo = Vec<Option<bool>>;

/// The rows for which each predicate of a layout holds.
#[derive(Default)]
pub(crate) struct Masks {
    /// By predicate, then row.
    pub(crate) masks: Vec<Vec<bool>>,
    /// By predicate: the rows that match.
    pub(crate) selections: Vec<Vec<u32>>,
    /// By predicate, then test: texts are tested once a batch.
    memos: Vec<Vec<Memo>>,
}

impl Masks {
    /// Evaluates all predicates over the table.
    pub(crate) fn fill(&mut self, predicates: &[Vec<Test>], table: &Table) {
        self.masks.resize_with(predicates.len(), Vec::new);
        self.selections.resize_with(predicates.len(), Vec::new);
        self.memos.resize_with(predicates.len(), Vec::new);
        for (at, tests) in predicates.iter().enumerate() {
            let mask = &mut self.masks[at];
            mask.clear();
            mask.resize(table.rows, true);
            self.memos[at].resize_with(tests.len(), Vec::new);
            for (test, memo) in tests.iter().zip(&mut self.memos[at]) {
                test.narrow(table, memo, mask);
            }
            let selection = &mut self.selections[at];
            selection.clear();
            selection.extend(
                (0u32..)
                    .zip(mask.iter())
                    .filter(|(_, matches)| **matches)
                    .map(|(row, _)| row),
            );
        }
    }
}

impl Test {
    pub(crate) fn new(slot: usize, condition: &Condition) -> Test {
        match condition {
            Condition::Compare {
                operator, literal, ..
            } => Test::Compare {
                slot,
                operator: *operator,
                literal: literal.clone(),
            },
            Condition::In { literals, .. } => Test::In {
                slot,
                literals: literals.clone(),
            },
            Condition::Null { negated, .. } => Test::Null {
                slot,
                negated: *negated,
            },
        }
    }

    /// Clears the mask where the test does not hold.
    fn narrow(&self, table: &Table, memo: &mut Memo, mask: &mut [bool]) {
        let slot = self.slot();
        match &table.columns[slot] {
            Column::Integer(values) => {
                for (keep, value) in mask.iter_mut().zip(values) {
                    *keep &= self.holds(*value == NULL_INTEGER, |literal| order_integer(*value, literal));
                }
            }
            Column::Float(values) => {
                for (keep, value) in mask.iter_mut().zip(values) {
                    *keep &= self.holds(is_null_float(*value), |literal| order_float(*value, literal));
                }
            }
            Column::Text(values) => {
                let dictionary = table.dictionary(slot);
                for (keep, code) in mask.iter_mut().zip(values) {
                    *keep &= self.holds_text(*code, dictionary, memo);
                }
            }
            Column::Json(values) => {
                for (keep, value) in mask.iter_mut().zip(values) {
                    *keep &= self.holds(value.is_none(), |_| None);
                }
            }
        }
    }

    fn slot(&self) -> usize {
        match self {
            Test::Compare { slot, .. } | Test::In { slot, .. } | Test::Null { slot, .. } => *slot,
        }
    }

    /// The test of a value, given whether it is null and how it compares to a literal.
    #[inline]
    fn holds(&self, null: bool, order: impl Fn(&Literal) -> Option<Ordering>) -> bool {
        match self {
            Test::Null { negated, .. } => null != *negated,
            Test::Compare { .. } | Test::In { .. } if null => false,
            Test::Compare {
                operator, literal, ..
            } => order(literal).is_some_and(|order| matches(*operator, order)),
            Test::In { literals, .. } => literals
                .iter()
                .any(|literal| order(literal) == Some(Ordering::Equal)),
        }
    }

    fn holds_text(&self, code: u32, dictionary: &Dictionary, memo: &mut Memo) -> bool {
        if code == NULL_TEXT {
            return self.holds(true, |_| None);
        }
        let at = code as usize;
        if memo.len() <= at {
            memo.resize(dictionary.len().max(at + 1), None);
        }
        *memo[at].get_or_insert_with(|| {
            let text = dictionary.text(code);
            self.holds(false, |literal| match literal {
                Literal::Text(other) => Some(text.cmp(other.as_str())),
                Literal::Integer(_) | Literal::Float(_) | Literal::Bool(_) | Literal::Time(_) => None,
            })
        })
    }
}

fn matches(operator: Operator, order: Ordering) -> bool {
    match operator {
        Operator::Equal => order.is_eq(),
        Operator::NotEqual => order.is_ne(),
        Operator::Less => order.is_lt(),
        Operator::LessOrEqual => order.is_le(),
        Operator::Greater => order.is_gt(),
        Operator::GreaterOrEqual => order.is_ge(),
    }
}

#[inline]
fn order_integer(value: i64, literal: &Literal) -> Option<Ordering> {
    match literal {
        Literal::Integer(other) | Literal::Time(other) => Some(value.cmp(other)),
        Literal::Bool(other) => Some(value.cmp(&i64::from(*other))),
        Literal::Float(_) | Literal::Text(_) => None,
    }
}

#[inline]
fn order_float(value: f64, literal: &Literal) -> Option<Ordering> {
    match literal {
        Literal::Float(other) => Some(float_order(value, *other)),
        Literal::Integer(other) => Some(float_order(value, *other as f64)),
        Literal::Text(_) | Literal::Bool(_) | Literal::Time(_) => None,
    }
}

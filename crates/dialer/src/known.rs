//! What is known of a contact's number and person, kept small: of most nothing is.

use domain::rules::{Calls, Standing};
use std::ops::Deref;

/// A standing that takes room only when it says something.
#[derive(Debug, Clone, Default)]
pub struct Known(Option<Box<Standing>>);

static NOTHING: Standing = Standing {
    suppressed_by: None,
    black_listed_by: None,
    number: Calls::NONE,
    person: Calls::NONE,
    numbers: Vec::new(),
};

impl From<Standing> for Known {
    fn from(standing: Standing) -> Self {
        Self((standing != NOTHING).then(|| Box::new(standing)))
    }
}

impl Known {
    /// What is known of the person, to add to it.
    pub(crate) fn person_mut(&mut self) -> &mut Calls {
        &mut self.0.get_or_insert_default().person
    }
}

impl Deref for Known {
    type Target = Standing;
    fn deref(&self) -> &Standing {
        self.0.as_deref().unwrap_or(&NOTHING)
    }
}

//! How a history came out, and how it is made smaller when it came out wrong.

use std::any::Any;
use std::hash::{DefaultHasher, Hash as _};
use std::mem::discriminant;

use crate::{history::Step, request::Answer};

/// Something that must hold did not.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Breach {
    /// After which step, counted from 0.
    pub(crate) step: usize,
    pub(crate) what: String,
}

pub(crate) struct Outcome {
    /// Stands for everything that was answered.
    pub(crate) digest: u64,
    pub(crate) breach: Option<Breach>,
    /// What happened, if that was asked for.
    pub(crate) told: Vec<String>,
}

/// What a panic says.
pub(crate) fn words_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    format!("it panicked: {}", text.unwrap_or_default())
}

impl Answer {
    /// Adds what a client would read to the digest.
    pub(crate) fn digest(&self, digest: &mut DefaultHasher) {
        discriminant(self).hash(digest);
        match self {
            Answer::Bound { sub_id, x } => (sub_id, x).hash(digest),
            Answer::WouldBind(x) => x.hash(digest),
            Answer::Refused(why) => discriminant(why).hash(digest),
            Answer::Done | Answer::Unchanged | Answer::Unavailable => {}
        }
    }
}

/// Leaves out whatever a failure does not need, in at most `tries` runs: first halves, then
/// quarters, in the end single steps.
pub(crate) fn shrink(
    steps: &[Step],
    tries: usize,
    mut fails: impl FnMut(&[Step]) -> bool,
) -> Vec<Step> {
    let mut smallest = steps.to_vec();
    let mut chunk = smallest.len().div_ceil(2);
    let mut left = tries;
    while chunk > 0 {
        let mut start = 0;
        let mut found = false;
        while start < smallest.len() && left > 0 {
            let end = (start + chunk).min(smallest.len());
            let mut shorter = smallest.clone();
            shorter.drain(start..end);
            left -= 1;
            if fails(&shorter) {
                smallest = shorter;
                found = true;
            } else {
                start = end;
            }
        }
        if chunk > 1 {
            chunk = chunk.div_ceil(2);
        } else if !found || left == 0 {
            break;
        }
    }
    smallest
}

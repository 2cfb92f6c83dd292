//! What the judge knows of an operator's work: which numbers are in which pool, and by which rules
//! they are given out.

use axbridge_domain::time::Timestamp;

use crate::{
    cast,
    judge::{Judge, Verdict, must},
    request::{Answer, Operation, Why},
};

impl Judge {
    /// Judges an operator's work and takes note of it.
    pub(crate) fn hear_operation(
        &mut self,
        operation: Operation,
        answer: &Answer,
        at: Timestamp,
    ) -> Verdict {
        self.oracle.now = at;
        let expected = self.operated(operation);
        must!(
            *answer == expected,
            "{operation:?} was answered {answer:?}, not {expected:?}"
        );
        Ok(())
    }

    fn operated(&mut self, operation: Operation) -> Answer {
        let number = match operation {
            Operation::Rules(pool, index) => {
                self.rules[pool] = cast::rules(index, self.terms.scale);
                return Answer::Done;
            }
            Operation::Import(number)
            | Operation::Delete(number)
            | Operation::Enable(number, _) => number,
        };
        let list = &mut self.lists[cast::NUMBER_POOLS[number]];
        let place = list.iter().position(|(known, _)| *known == number);
        match (operation, place) {
            (Operation::Import(_), Some(_)) => Answer::Unchanged,
            (Operation::Import(_), None) => {
                list.push((number, true));
                Answer::Done
            }
            (_, None) => Answer::Refused(Why::NotInPool),
            (Operation::Enable(_, enabled), Some(place)) => {
                list[place].1 = enabled;
                Answer::Done
            }
            (_, Some(place)) => {
                if self.oracle.load(cast::number(number)).live() > 0 {
                    return Answer::Refused(Why::CarriesBindings);
                }
                list.remove(place);
                Answer::Done
            }
        }
    }
}

//! What a caller is asked to key: an extension, or the answer to a question.

use axbridge_app::calls::{Announcement, Verification};
use axbridge_domain::call::{CallResult, ReleasedBy};

use super::{Call, Clip, Command, Question, Side, Stage, Timer};

/// How often a caller may answer the question.
const TRIES_MAX: u32 = 3;
/// The most digits of an extension.
const EXTENSION_DIGITS_MAX: usize = 4;
/// The key that ends what is keyed.
const END_KEY: char = '#';

impl Call {
    pub(super) fn ask_question(&mut self) {
        let question = self.plan().and_then(|plan| plan.question.clone());
        match question {
            Some(question) => {
                // Many networks let nothing of the caller through before the answer.
                self.answer_caller();
                self.verification = Some(Verification {
                    voice_code: question.voice_code,
                    correct: question.digits.clone(),
                    answer: String::new(),
                    passed: false,
                });
                self.stage = Stage::Asking {
                    keyed: String::new(),
                    tries: 0,
                };
                self.play(Side::Caller, Clip::Question(question.digits));
            }
            None => self.ring(),
        }
    }

    pub(super) fn extension_digit(&mut self, digit: char) {
        let Stage::Extension { keyed } = &mut self.stage else {
            return;
        };
        if digit.is_ascii_digit() {
            keyed.push(digit);
        }
        if digit == END_KEY || keyed.len() >= EXTENSION_DIGITS_MAX {
            self.extension_keyed();
        } else {
            self.ask(Command::Stop(Side::Caller));
            self.ask(Command::Clear(Timer::Played));
            self.await_digit();
        }
    }

    fn extension_keyed(&mut self) {
        let Stage::Extension { keyed } = &mut self.stage else {
            return;
        };
        let extension = std::mem::take(keyed);
        self.stage = Stage::Deciding;
        self.ask(Command::Stop(Side::Caller));
        self.ask(Command::Clear(Timer::Played));
        self.ask(Command::Clear(Timer::Digit));
        self.ask(Command::Admit {
            extension: Some(extension),
        });
    }

    pub(super) fn answer_digit(&mut self, digit: char) {
        let Some(correct) = self
            .plan()
            .and_then(|plan| plan.question.as_ref())
            .map(|question| question.digits.clone())
        else {
            return;
        };
        let Stage::Asking { keyed, .. } = &mut self.stage else {
            return;
        };
        if digit.is_ascii_digit() {
            keyed.push(digit);
        }
        let done = digit == END_KEY || keyed.len() >= correct.len();
        self.ask(Command::Stop(Side::Caller));
        self.ask(Command::Clear(Timer::Played));
        if done {
            self.judge_answer(&correct);
        } else {
            self.await_digit();
        }
    }

    fn judge_answer(&mut self, correct: &str) {
        let Stage::Asking { keyed, tries } = &mut self.stage else {
            return;
        };
        let answer = std::mem::take(keyed);
        *tries += 1;
        let tries = *tries;
        let passed = answer == correct;
        self.ask(Command::Clear(Timer::Digit));
        if let Some(verification) = &mut self.verification {
            verification.answer = answer;
            verification.passed = passed;
        }
        if passed {
            self.ring();
        } else if tries < TRIES_MAX {
            self.play(Side::Caller, Clip::WrongAnswer(correct.to_owned()));
        } else {
            self.came_out(CallResult::CheckFailed, ReleasedBy::Platform);
            self.announce(Announcement::NotPermitted, 403);
        }
    }

    /// Nothing was keyed for too long.
    pub(super) fn no_digit(&mut self) {
        match &self.stage {
            Stage::Extension { .. } => self.extension_keyed(),
            Stage::Asking { .. } => {
                let correct = self
                    .plan()
                    .and_then(|plan| plan.question.as_ref())
                    .map(|Question { digits, .. }| digits.clone());
                if let Some(correct) = correct {
                    self.judge_answer(&correct);
                }
            }
            _ => {}
        }
    }
}

//! Who rings: the app's decision, and what of the node's own stands against it.

use std::sync::Arc;

use axbridge_app::calls::{Admission, Announcement, Arrival, CallPlan};
use axbridge_app::model::CallPlace;
use axbridge_domain::{
    call::{CallResult, shown_to_callee},
    route::Extension,
    trunk::NoWayOut,
};

use super::{
    Shared,
    books::{Book, Undecided},
    counts::Place,
    runner::Runner,
    settings::refusal_status,
    voice_code::VoiceCodes,
};
use crate::{
    audio::{Clip, Codec},
    call::{Plan, Question, Verdict},
    media::Side,
};

/// How many digits a caller must key who has to prove to be a person.
const QUESTION_DIGITS: usize = 4;

impl Runner {
    /// Asks the app, and takes what the call needs.
    pub(super) async fn decide(&mut self, extension: Option<String>) -> Verdict {
        // What is no extension can match none: then the app says so.
        let extension: Option<Extension> = extension.and_then(|text| text.parse().ok());
        let arrival = Arrival {
            x: self.x,
            caller: self.caller_number.number,
            extension,
            trunk: self.inbound.trunk.name.to_string(),
        };
        self.shared.pace.turn().await;
        match self.shared.app.admit_call(&arrival).await {
            Ok(Admission::Connect(plan)) => self.connect(plan).await,
            Ok(Admission::AskExtension { account }) => {
                self.undecided = Some(Undecided {
                    app: self.shared.app.clone(),
                    pace: self.shared.pace.clone(),
                    arrival,
                    account,
                });
                match self.open_media() {
                    Some(media) => Verdict::AskExtension { media },
                    None => refuse(CallResult::PlatformError, None),
                }
            }
            Ok(Admission::Refuse {
                call,
                result,
                announcement,
            }) => {
                self.begin_book(call);
                self.refuse(result, announcement)
            }
            Err(error) => {
                tracing::warn!(%error, "a call could not be decided");
                refuse(CallResult::PlatformError, None)
            }
        }
    }

    fn begin_book(&mut self, call: Option<axbridge_domain::call::CallId>) {
        if let Some(call) = call {
            tracing::debug!(%call, sip_call_id = self.caller.sip_call_id(), "a call arrived");
            self.call_id = Some(call);
            let (app, pace) = (self.shared.app.clone(), self.shared.pace.clone());
            self.book = Some(Book::open(app, pace, call));
        }
    }

    fn refuse(&mut self, result: CallResult, announcement: Announcement) -> Verdict {
        let media = self.open_media();
        refuse(result, media.map(|media| (announcement, media)))
    }

    /// Refuses a call that had a callee: while it hears why, it takes nobody's place.
    async fn refuse_connected(&mut self, result: CallResult, plan: &CallPlan) -> Verdict {
        self.tickets.truncate(1);
        if let Err(error) = self.shared.app.leave_places(plan.call).await {
            tracing::warn!(call = %plan.call, %error, "a refused call takes a place until it ends");
        }
        self.refuse(result, Announcement::TryLater)
    }

    async fn connect(&mut self, plan: Box<CallPlan>) -> Verdict {
        self.begin_book(Some(plan.call));
        let full = match self.find_room(&plan) {
            None => self.find_room_on_all_nodes(&plan).await,
            full => full,
        };
        if let Some(result) = full {
            return self.refuse_connected(result, &plan).await;
        }
        // Who withholds the number shows X, whatever the binding allows (RFC 3323).
        let known = plan.caller.filter(|_| !self.caller_number.withheld);
        let shown = shown_to_callee(&plan.binding, plan.callee, known);
        let seed = self.dice();
        let ways = self.shared.trunks.ways(plan.callee, shown, seed).await;
        let ways = match ways {
            Ok(ways) if !ways.is_empty() => ways,
            Err(NoWayOut::Full) => {
                return self
                    .refuse_connected(CallResult::TrunkConcurrency, &plan)
                    .await;
            }
            Ok(_) | Err(NoWayOut::NoTrunk) => {
                tracing::warn!(call = %plan.call, "no trunk takes the call; see `axbridge trunk list`");
                return self
                    .refuse_connected(CallResult::RoutingFailure, &plan)
                    .await;
            }
        };
        if self.open_media().is_none() {
            return refuse(CallResult::PlatformError, None);
        }
        let asked = digits(self.dice());
        let codes = VoiceCodes::read(plan.binding.terms.voice_code.as_deref(), is_axb(&plan));
        let voice_code = codes.caller.clone().unwrap_or_default();
        let caller_prompt = self.load_prompt(&plan, codes.caller).await;
        let callee_prompt = self.load_prompt(&plan, codes.callee).await;
        let Some(media) = &self.media else {
            return refuse(CallResult::PlatformError, None);
        };
        let asks = plan.binding.terms.verify;
        let settings = &self.shared.settings;
        let longest = i64::try_from(settings.talk_ms_max).unwrap_or(i64::MAX);
        let talk = plan.talk_ms_max.unwrap_or(longest).clamp(0, longest);
        let ready = Plan {
            caller_media: media.session.local(Side::Caller),
            callee_media: media.session.local(Side::Callee),
            ways: ways.iter().map(|way| super::codecs(&way.known)).collect(),
            question: asks.then_some(Question {
                voice_code,
                digits: asked,
            }),
            caller_prompt,
            callee_prompt,
            record: plan.record,
            notice: settings.recording_notice,
            talk_ms_max: u64::try_from(talk).ok(),
        };
        self.shown = Some(shown);
        self.ways = ways;
        self.plan = Some(plan);
        Verdict::Connect(Box::new(ready))
    }

    /// Reads a prompt that the call may play. One that is not there is left out: a missing greeting
    /// is no reason not to connect.
    async fn load_prompt(&mut self, plan: &CallPlan, code: Option<String>) -> Option<String> {
        let code = code?;
        match self.shared.app.prompt_sound(plan.account, &code).await {
            Ok(Some(sound)) => {
                let samples = sound.iter().map(|byte| Codec::Pcma.decode(*byte));
                let clip = Clip::from_samples(samples.collect());
                self.prompts.push((code.clone(), Arc::new(clip)));
                Some(code)
            }
            Ok(None) => {
                tracing::warn!(call = %plan.call, "the binding's prompt is not there");
                None
            }
            Err(error) => {
                tracing::warn!(call = %plan.call, %error, "a prompt could not be read");
                None
            }
        }
    }

    /// Whether the call fits where the calls of all nodes count; why it does not. When the store
    /// does not say, the count of this node has to do.
    async fn find_room_on_all_nodes(&self, plan: &CallPlan) -> Option<CallResult> {
        let shared: &Shared = &self.shared;
        let trunk = &self.inbound.trunk;
        for (place, most, result) in [
            (
                CallPlace::Trunk(trunk.name.clone()),
                trunk.calls_max,
                CallResult::TrunkConcurrency,
            ),
            (
                CallPlace::Account(plan.account),
                plan.account_calls_max,
                CallResult::AccountConcurrency,
            ),
            (
                CallPlace::X(plan.account, self.x),
                Some(shared.settings.calls_per_x_max),
                CallResult::LineBusy,
            ),
        ] {
            match shared.app.has_room(place, most).await {
                Ok(true) => {}
                Ok(false) => return Some(result),
                Err(error) => {
                    tracing::warn!(call = %plan.call, %error, "the calls of other nodes were not counted");
                }
            }
        }
        None
    }

    /// Counts the call where it must fit on this node; why it does not.
    fn find_room(&mut self, plan: &CallPlan) -> Option<CallResult> {
        let shared: &Shared = &self.shared;
        let most_per_x = Some(shared.settings.calls_per_x_max);
        let trunk = &self.inbound.trunk;
        for (place, most, result) in [
            (
                Place::Trunk(trunk.name.clone()),
                trunk.calls_max,
                CallResult::TrunkConcurrency,
            ),
            (
                Place::Account(plan.account),
                plan.account_calls_max,
                CallResult::AccountConcurrency,
            ),
            (Place::X(self.x), most_per_x, CallResult::LineBusy),
        ] {
            match shared.counts.take(place, most) {
                Some(ticket) => self.tickets.push(ticket),
                None => return Some(result),
            }
        }
        None
    }
}

fn refuse(
    result: CallResult,
    announcement: Option<(Announcement, std::net::SocketAddr)>,
) -> Verdict {
    Verdict::Refuse {
        result,
        announcement,
        status: refusal_status(result),
    }
}

fn is_axb(plan: &CallPlan) -> bool {
    plan.binding.terms.b.is_some()
}

/// Digits that nobody can know before they are asked for.
fn digits(dice: u64) -> String {
    let mut rest = dice;
    let digit = |_| {
        let digit = (rest % 10) as u8;
        rest /= 10;
        char::from(b'0' + digit)
    };
    (0..QUESTION_DIGITS).map(digit).collect()
}

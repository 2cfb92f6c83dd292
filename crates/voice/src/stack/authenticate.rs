//! Answering challenges with [`crate::digest`], through the stack's way of making the second
//! request.

use rsipstack::{
    dialog::authenticate::{Credential, handle_client_authenticate},
    sip::{HasHeaders as _, Header, Response},
    transaction::Transaction,
};

use super::Credentials;
use crate::digest::{Challenge, best_challenge};

/// A response that challenges us, and the one of its challenges that we answer.
pub(super) struct Challenged {
    /// As the stack can read it: its own digest knows neither SHA-256 by its name nor several
    /// challenges.
    pub(super) response: Response,
    challenge: Challenge,
    /// What answers it (RFC 3261 §22.2, §22.3).
    answer_in: &'static str,
}

impl Challenged {
    /// Reads a 401 or 407; `None` if nothing in it can be answered.
    pub(super) fn read(response: &Response) -> Option<Self> {
        let (asked_in, answer_in) = match response.status_code.code() {
            401 => ("WWW-Authenticate", "Authorization"),
            407 => ("Proxy-Authenticate", "Proxy-Authorization"),
            _ => return None,
        };
        let values = response
            .headers
            .iter()
            .filter(|header| header.name().eq_ignore_ascii_case(asked_in))
            .map(Header::value);
        let challenge = best_challenge(values)?;
        let stale = if challenge.stale { ", stale=true" } else { "" };
        let plain = format!("Digest realm=\"x\", nonce=\"x\"{stale}");
        let mut response = response.clone();
        response
            .headers_mut()
            .retain(|header| !header.name().ends_with("-Authenticate"));
        let plain = rsipstack::sip::headers::make_header(asked_in, plain);
        response.headers_mut().push(plain);
        Some(Self {
            response,
            challenge,
            answer_in,
        })
    }

    /// The request again, with credentials.
    pub(super) async fn answer(
        self,
        seq: u32,
        transaction: &Transaction,
        credentials: &Credentials,
    ) -> Option<Transaction> {
        let mut chance = [0; 16];
        aws_lc_rs::rand::fill(&mut chance).ok()?;
        // What the stack computes is thrown away.
        let nobody = Credential::default();
        let mut next = handle_client_authenticate(seq, transaction, self.response, &nobody)
            .await
            .ok()?;
        let request = &mut next.original;
        let value = self.challenge.answer(
            &credentials.user,
            &credentials.password,
            &request.method.to_string(),
            &request.uri.to_string(),
            chance,
        );
        request
            .headers_mut()
            .retain(|header| !header.name().ends_with("uthorization"));
        let header = rsipstack::sip::headers::make_header(self.answer_in, value);
        request.headers_mut().push(header);
        Some(next)
    }
}

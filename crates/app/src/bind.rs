//! Making a binding: check what was asked, decide where to look for an X, have the store bind.

use axbridge_domain::{
    account::AccountId,
    binding::{Binding, DisplayType, Terms},
    city::CityCode,
    city_order::{CityWish, city_order},
    limits,
    phone::PhoneNumber,
    pool::{Policy, Pool, PoolKind, PoolNo},
    refusal::Refusal,
    time::Timestamp,
};
use axbridge_store::{
    error::BindRefusal,
    model::{BindCommand, Bound, Idempotency, Placement},
};

use crate::{App, AppError, error::unknown_pool};

/// Which X the client wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum XWish {
    /// The platform selects one.
    Select {
        /// In which city.
        city: CityWish,
        /// `RandomFlag=1`: at random among the eligible.
        random: bool,
    },
    /// This one.
    Named(PhoneNumber),
}

/// A bind as a client asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindRequest {
    /// The action it came by; part of the idempotency key.
    pub action: &'static str,
    /// Whose it is.
    pub account: AccountId,
    /// The pool of X.
    pub pool: PoolNo,
    /// Which X.
    pub x: XWish,
    /// What is to be bound.
    pub terms: Terms,
    /// The key of a safe retry.
    pub idempotency_key: Option<String>,
    /// Check and select, but bind nothing: a success is [`AppError::DryRun`].
    pub dry_run: bool,
}

/// A binding with what is derived when it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindingView {
    /// The binding.
    pub binding: Binding,
    /// A's city, where it is known.
    pub a_city: Option<CityCode>,
    /// B's city, where it is known.
    pub b_city: Option<CityCode>,
    /// Whether calls route by it now.
    pub live: bool,
}

impl App {
    /// Makes an AX or AXB. When it answers, the binding is durable and the next call routes.
    ///
    /// # Errors
    /// [`AppError`]: why nothing was bound.
    pub async fn bind(&self, request: BindRequest) -> Result<BindingView, AppError> {
        let now = self.now();
        if let Err(refusal) = check_expiry(request.terms.expires_at, now) {
            return self.answered_before(&request, now).await?.ok_or(refusal);
        }
        let terms = &request.terms;
        let checked = self.check_risk(request.account, Some(terms.a), terms.b, now);
        match checked.await {
            Err(frozen @ (AppError::FrozenA | AppError::FrozenB)) => {
                return self.answered_before(&request, now).await?.ok_or(frozen);
            }
            checked => checked?,
        }
        if let Some(answer) = self.count_this_bind(&request, now).await? {
            return Ok(answer);
        }
        let command = self.command(&request).await?;
        match self.store.bind(command, now).await?? {
            Bound::New(binding) => {
                self.metrics.bound();
                Ok(self.view_live(binding, true))
            }
            Bound::Replayed(binding) => {
                self.metrics.replayed();
                Ok(self.view_live(binding, true))
            }
            Bound::WouldBind(x) => Err(AppError::DryRun(x)),
        }
    }

    /// Counts a bind where the account's windows do. One that was answered before is given again
    /// and not counted; one that is only tried is neither.
    async fn count_this_bind(
        &self,
        request: &BindRequest,
        now: Timestamp,
    ) -> Result<Option<BindingView>, AppError> {
        let rules = self.risk_rules(request.account).await?;
        if request.dry_run || !rules.count_binds() {
            return Ok(None);
        }
        let before = self.answered_before(request, now).await?;
        if before.is_none() {
            let (a, b) = (Some(request.terms.a), request.terms.b);
            self.count_bind(request.account, a, b, now).await?;
        }
        Ok(before)
    }

    /// What a retry was answered whose `ExpireTime` has come too near meanwhile, or one of whose
    /// parties was frozen: a first answer stands, however late it is asked for again. Nothing new is
    /// bound.
    async fn answered_before(
        &self,
        request: &BindRequest,
        now: Timestamp,
    ) -> Result<Option<BindingView>, AppError> {
        if request.idempotency_key.is_none() || request.dry_run {
            return Ok(None);
        }
        let mut command = match self.command(request).await {
            Ok(command) => command,
            Err(fault @ (AppError::Unavailable(_) | AppError::Internal(_))) => return Err(fault),
            // What would be refused in any case was never answered before.
            Err(_) => return Ok(None),
        };
        // With nowhere to look, the store can give the earlier answer and nothing else.
        command.placement = Placement::Select {
            tiers: Vec::new(),
            policy: None,
        };
        match self.store.bind(command, now).await? {
            Ok(Bound::Replayed(binding)) => {
                self.metrics.replayed();
                Ok(Some(self.view_live(binding, true)))
            }
            Err(
                refusal @ (BindRefusal::IdempotencyMismatch | BindRefusal::IdempotencyInProgress),
            ) => Err(refusal.into()),
            Ok(_) | Err(_) => Ok(None),
        }
    }

    /// How the numbers stand for a bind: what each place holds, and whether something would do.
    ///
    /// # Errors
    /// [`AppError`] when the request itself will not do.
    pub async fn explain_selection(&self, request: &BindRequest) -> Result<Refusal, AppError> {
        let now = self.now();
        check_expiry(request.terms.expires_at, now)?;
        let command = self.command(request).await?;
        self.store
            .explain(&command, now)
            .await?
            .ok_or_else(unknown_pool)
    }

    /// The binding with its cities, as of now.
    pub(crate) fn view(&self, binding: Binding) -> BindingView {
        let live = binding.is_live(self.now());
        self.view_live(binding, live)
    }

    fn view_live(&self, binding: Binding, live: bool) -> BindingView {
        BindingView {
            a_city: self.city_of(binding.terms.a),
            b_city: binding.terms.b.and_then(|b| self.city_of(b)),
            binding,
            live,
        }
    }

    async fn command(&self, request: &BindRequest) -> Result<BindCommand, AppError> {
        check_numbers(request)?;
        let account = self.known_account(request.account).await?;
        let pool = self
            .store
            .pool(request.pool)
            .await?
            .filter(|pool| pool.account == request.account);
        let pool = pool.ok_or_else(unknown_pool)?;
        if pool.kind != PoolKind::Axb {
            return Err(AppError::invalid(
                "NumberPoolNo",
                format!(
                    "the pool is for {} bindings; AX and AXB need one of SubServiceType 201",
                    pool.kind.name()
                ),
            ));
        }
        check_display(
            request.terms.display,
            request.terms.b.is_some(),
            account.terms.may_show_real_numbers,
        )?;
        let dice = self.chance.u64()?;
        Ok(BindCommand {
            account: request.account,
            pool: request.pool,
            placement: self.placement(request, &pool),
            terms: request.terms.clone(),
            idempotency: request.idempotency_key.as_ref().map(|key| Idempotency {
                action: request.action,
                key: key.clone(),
                fingerprint: self.keys.fingerprint(canonical(request).as_bytes()),
            }),
            live_bindings_max: account.terms.live_bindings_max,
            dry_run: request.dry_run,
            nonce: dice as u32,
            seed: self.chance.u64()?,
        })
    }

    fn placement(&self, request: &BindRequest, pool: &Pool) -> Placement {
        match &request.x {
            XWish::Named(x) => Placement::Named(*x),
            XWish::Select { city, random } => {
                let terms = &request.terms;
                let tiers = city_order(
                    city,
                    self.city_of(terms.a),
                    terms.b.and_then(|b| self.city_of(b)),
                    terms.b.is_some(),
                    pool.rules.city_fallback,
                );
                Placement::Select {
                    tiers,
                    policy: random.then_some(Policy::Random),
                }
            }
        }
    }
}

/// Checks an `ExpireTime` against its bounds.
///
/// # Errors
/// [`AppError::Invalid`].
pub(crate) fn check_expiry(expires_at: Timestamp, now: Timestamp) -> Result<(), AppError> {
    if expires_at.ms_since(now) <= limits::EXPIRE_LEAD_MS_MIN {
        return Err(AppError::invalid(
            "ExpireTime",
            "ExpireTime must be 1 minute later: Unix seconds (not milliseconds), more than 60 s from now",
        ));
    }
    if expires_at.unix_s() >= limits::EXPIRE_UNIX_S_END {
        return Err(AppError::invalid(
            "ExpireTime",
            "it must be before 2038-01-01 00:00:00, in Unix seconds (not milliseconds)",
        ));
    }
    Ok(())
}

/// Checks that an account may show real numbers if the binding would.
///
/// # Errors
/// [`AppError::Invalid`] or [`AppError::Denied`].
pub(crate) fn check_display(
    display: DisplayType,
    has_b: bool,
    permitted: bool,
) -> Result<(), AppError> {
    if display == DisplayType::BothSeeX {
        return Ok(());
    }
    if !has_b {
        return Err(AppError::invalid(
            "CallDisplayType",
            "2, 3 and 4 are for an AXB; an AX shows X",
        ));
    }
    if !permitted {
        return Err(AppError::Denied(
            "this account may not show real numbers (CallDisplayType 2, 3, 4); the operator can allow it".to_owned(),
        ));
    }
    Ok(())
}

fn check_numbers(request: &BindRequest) -> Result<(), AppError> {
    let (a, b) = (request.terms.a, request.terms.b);
    if b == Some(a) {
        return Err(AppError::invalid(
            "PhoneNoB",
            "A and B must be different numbers",
        ));
    }
    if let XWish::Named(x) = request.x
        && (x == a || b == Some(x))
    {
        return Err(AppError::invalid("PhoneNoX", "X must differ from A and B"));
    }
    Ok(())
}

/// The request's parameters in one form, whatever form they came in. Lengths are written before
/// texts so that no two requests read the same.
fn canonical(request: &BindRequest) -> String {
    use std::fmt::Write as _;
    let BindRequest {
        action: _,
        account: _,
        pool,
        x,
        terms,
        idempotency_key: _,
        dry_run: _,
    } = request;
    let mut text = format!("{pool};");
    let text_of = |value: &Option<String>| {
        value
            .as_ref()
            .map_or("-".to_owned(), |value| format!("{}:{value}", value.len()))
    };
    let wish = match x {
        XWish::Named(x) => format!("x{}", x.to_bits()),
        XWish::Select { city, random } => format!("{city:?}{random}"),
    };
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "{wish};{};{:?};{};{};{};{};{};{};{};{};{};{}",
        terms.a.to_bits(),
        terms.b.map(PhoneNumber::to_bits),
        terms.expires_at.unix_ms(),
        terms.display.code(),
        terms.record,
        terms.verify,
        terms.exclusive,
        text_of(&terms.user_data),
        text_of(&terms.out_id),
        text_of(&terms.voice_code),
        text_of(&terms.order_id),
        text_of(&terms.industrial_id),
    );
    // Only where there is one, so that keys of older versions still match.
    if let Some(seconds) = terms.talk_s_max {
        let _ = write!(text, ";talk{seconds}");
    }
    text
}

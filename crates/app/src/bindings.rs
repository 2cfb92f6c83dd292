//! Changing, ending and finding bindings.

use axbridge_domain::{account::AccountId, binding::DisplayType, phone::PhoneNumber};
use axbridge_store::model::{
    BindingChange, BindingFilter, BindingRef, Idempotency, Page, Paged, UpgradeCommand,
};

use crate::{
    App, AppError,
    bind::{BindingView, check_display, check_expiry},
};

/// An AX that is to become an AXB, as a client asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpgradeRequest {
    /// The action it came by; part of the idempotency key.
    pub action: &'static str,
    /// The AX.
    pub ax: BindingRef,
    /// The counterpart.
    pub b: PhoneNumber,
    /// Instead of the AX's.
    pub display: Option<DisplayType>,
    /// Instead of the AX's.
    pub user_data: Option<String>,
    /// Instead of the AX's.
    pub out_id: Option<String>,
    /// The key of a safe retry.
    pub idempotency_key: Option<String>,
}

impl App {
    /// Ends a live binding. When it answers, no new call routes by it; calls in progress go on.
    ///
    /// # Errors
    /// [`AppError::NoSuchBinding`] when it is unknown, another account's, or ended already.
    pub async fn unbind(&self, binding: BindingRef) -> Result<(), AppError> {
        self.store.unbind(binding, self.now()).await??;
        self.metrics.unbound();
        Ok(())
    }

    /// Changes one thing of a live binding.
    ///
    /// # Errors
    /// [`AppError`]: why nothing was changed.
    pub async fn update_binding(
        &self,
        binding: BindingRef,
        change: BindingChange,
    ) -> Result<BindingView, AppError> {
        let now = self.now();
        if let BindingChange::ExpiresAt(at) = &change {
            check_expiry(*at, now)?;
        }
        let (a, b) = match &change {
            BindingChange::PhoneA(a) => (Some(*a), None),
            BindingChange::PhoneB(b) => (None, Some(*b)),
            _ => (None, None),
        };
        self.check_risk(binding.account, a, b, now).await?;
        if a.is_some() || b.is_some() {
            self.count_bind(binding.account, a, b, now).await?;
        }
        Ok(self.view(self.store.update_binding(binding, change, now).await??))
    }

    /// Ends an AX and makes an AXB on the same X, in one step, under a new id.
    ///
    /// # Errors
    /// [`AppError`]: why nothing was changed; [`AppError::NotAnAx`] for an AXB.
    pub async fn upgrade(&self, request: UpgradeRequest) -> Result<BindingView, AppError> {
        let account = self.known_account(request.ax.account).await?;
        if let Some(display) = request.display {
            check_display(display, true, account.terms.may_show_real_numbers)?;
        }
        let canonical = format!(
            "{:?};{};{:?};{:?};{:?}",
            request.ax,
            request.b.to_bits(),
            request.display,
            request.user_data,
            request.out_id
        );
        let command = UpgradeCommand {
            ax: request.ax,
            b: request.b,
            display: request.display,
            user_data: request.user_data,
            out_id: request.out_id,
            idempotency: request.idempotency_key.map(|key| Idempotency {
                action: request.action,
                key,
                fingerprint: self.keys.fingerprint(canonical.as_bytes()),
            }),
            nonce: self.chance.u64()? as u32,
        };
        self.check_upgrade_risk(&command).await?;
        let upgraded = self.store.upgrade(command, self.now()).await?;
        let binding = upgraded.map_err(|refusal| match AppError::from(refusal) {
            AppError::Unsupported(_) => AppError::NotAnAx,
            other => other,
        })?;
        Ok(self.view(binding))
    }

    /// Whether B may be bound, when it is to be bound anew: once the AX has ended, all that an
    /// upgrade can give is an earlier answer.
    async fn check_upgrade_risk(&self, command: &UpgradeCommand) -> Result<(), AppError> {
        let (now, b) = (self.now(), Some(command.b));
        let account = command.ax.account;
        let checked = self.check_risk(account, None, b, now).await;
        let counts = checked.is_ok() && self.risk_rules(account).await?.count_binds();
        let is_retry = checked == Err(AppError::FrozenB) && command.idempotency.is_some();
        if !counts && !is_retry {
            return checked;
        }
        match self.store.binding(command.ax, now).await? {
            Some(ax) if ax.is_live(now) => match counts {
                true => self.count_bind(account, None, b, now).await,
                false => checked,
            },
            _ => Ok(()),
        }
    }

    /// A binding of the account, live or ended.
    ///
    /// # Errors
    /// [`AppError::NoSuchBinding`].
    pub async fn binding(&self, binding: BindingRef) -> Result<BindingView, AppError> {
        let found = self.store.binding(binding, self.now()).await?;
        found
            .map(|binding| self.view(binding))
            .ok_or(AppError::NoSuchBinding)
    }

    /// Bindings of the account, newest first.
    ///
    /// # Errors
    /// [`AppError::Unavailable`], [`AppError::Internal`].
    pub async fn list_bindings(
        &self,
        account: AccountId,
        filter: &BindingFilter,
        page: Page,
    ) -> Result<Paged<BindingView>, AppError> {
        let found = self
            .store
            .list_bindings(account, filter, page, self.now())
            .await?;
        let rows = found
            .rows
            .into_iter()
            .map(|binding| self.view(binding))
            .collect();
        Ok(Paged {
            rows,
            total: found.total,
        })
    }
}

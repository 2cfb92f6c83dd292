//! Trunks: the SIP peers over which calls come and go.

use std::sync::Arc;

use axbridge_domain::{
    limits,
    trunk::{Trunk, TrunkFieldError, TrunkName},
};
use axbridge_store::{keyring::Secret, model::TrunkRecord};

use crate::{App, AppError};

/// The most characters of a trunk's password.
pub const TRUNK_PASSWORD_CHARS_MAX: usize = 128;

/// What to set of a trunk; what is not named stays as it is.
#[derive(Debug, Clone, Default)]
pub struct TrunkChange {
    /// Fields by name, as text; see [`axbridge_domain::trunk::FIELDS`].
    pub fields: Vec<(&'static str, String)>,
    /// The password with which its challenges are answered; empty forgets it.
    pub outbound_password: Option<Secret>,
    /// The password that it must answer ours with; empty forgets it.
    pub inbound_password: Option<Secret>,
}

impl App {
    /// All trunks, by name, at most a second old. What calls are decided by.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn trunks(&self) -> Result<Arc<Vec<TrunkRecord>>, AppError> {
        if let Some(trunks) = self.trunks.get(&()) {
            return Ok(trunks);
        }
        let trunks = Arc::new(self.list_trunks().await?);
        self.trunks.insert((), trunks.clone());
        Ok(trunks)
    }

    /// A trunk as it is now.
    ///
    /// # Errors
    /// [`AppError::Invalid`] naming `TrunkName`.
    pub async fn trunk(&self, name: &str) -> Result<TrunkRecord, AppError> {
        let name = name_of(name)?;
        let all = self.list_trunks().await?;
        let found = all.into_iter().find(|record| record.trunk.name == name);
        found.ok_or_else(unknown_trunk)
    }

    /// All trunks as they are now, by name.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn list_trunks(&self) -> Result<Vec<TrunkRecord>, AppError> {
        let mut all = self.store.trunks().await?;
        let fixed = self.trunks_of_settings();
        if !fixed.is_empty() {
            // What the settings say of a name counts.
            all.retain(|record| !self.is_trunk_of_settings(&record.trunk.name));
            all.extend(fixed.iter().cloned());
            all.sort_by(|one, other| one.trunk.name.cmp(&other.trunk.name));
        }
        Ok(all)
    }

    /// Takes the trunks that this node's settings describe, once, at its start. No action changes
    /// them.
    ///
    /// # Errors
    /// [`AppError::Invalid`] naming the field that will not do.
    pub fn fix_trunks(
        &self,
        described: Vec<(String, TrunkChange)>,
    ) -> Result<&[TrunkRecord], AppError> {
        let mut fixed: Vec<TrunkRecord> = Vec::with_capacity(described.len());
        for (name, change) in described {
            let record = self.new_trunk(&name, change)?;
            if fixed.iter().any(|it| it.trunk.name == record.trunk.name) {
                return Err(AppError::invalid("TrunkName", "another trunk has it"));
            }
            fixed.push(record);
        }
        if fixed.len() > limits::TRUNKS_MAX {
            return Err(AppError::Quota("Trunks of this installation"));
        }
        Ok(self.trunks_of_settings.get_or_init(|| fixed))
    }

    fn trunks_of_settings(&self) -> &[TrunkRecord] {
        self.trunks_of_settings.get().map_or(&[], Vec::as_slice)
    }

    /// Whether the trunk of that name is described by this node's settings.
    #[must_use]
    pub fn is_trunk_of_settings(&self, name: &TrunkName) -> bool {
        let mut fixed = self.trunks_of_settings().iter();
        fixed.any(|record| record.trunk.name == *name)
    }

    /// Refuses to change what stands in the settings.
    fn check_changeable(&self, name: &TrunkName) -> Result<(), AppError> {
        if self.is_trunk_of_settings(name) {
            return Err(AppError::Denied(format!(
                "trunk {name} is described by voice.trunks in the settings; change it there and \
                 restart the node"
            )));
        }
        Ok(())
    }

    fn new_trunk(&self, name: &str, change: TrunkChange) -> Result<TrunkRecord, AppError> {
        let record = TrunkRecord {
            trunk: Trunk::new(name_of(name)?),
            outbound_secret: None,
            inbound_secret: None,
            created_at: self.now(),
        };
        changed(record, change)
    }

    /// Makes a trunk. Other nodes follow within a second.
    ///
    /// # Errors
    /// [`AppError::Invalid`] naming the field that will not do, [`AppError::Denied`] when the name
    /// is taken, [`AppError::Quota`].
    pub async fn create_trunk(
        &self,
        name: &str,
        change: TrunkChange,
    ) -> Result<TrunkRecord, AppError> {
        let record = self.new_trunk(name, change)?;
        self.check_changeable(&record.trunk.name)?;
        self.check_transports(&record.trunk)?;
        if self.store.trunks().await?.len() >= limits::TRUNKS_MAX {
            return Err(AppError::Quota("Trunks of this installation"));
        }
        let made = self.store.create_trunk(&record).await?;
        self.trunks.invalidate(&());
        if made {
            Ok(record)
        } else {
            Err(AppError::Denied(
                "a trunk of this name exists; change it with UpdateTrunk".to_owned(),
            ))
        }
    }

    /// Changes a trunk. Calls in progress go on; other nodes follow within a second.
    ///
    /// # Errors
    /// [`AppError::Invalid`] naming the field that will not do, or `TrunkName`.
    pub async fn update_trunk(
        &self,
        name: &str,
        change: TrunkChange,
    ) -> Result<TrunkRecord, AppError> {
        self.check_changeable(&name_of(name)?)?;
        let record = changed(self.trunk(name).await?, change)?;
        self.check_transports(&record.trunk)?;
        let known = self.store.replace_trunk(&record).await?;
        self.trunks.invalidate(&());
        if known {
            Ok(record)
        } else {
            Err(unknown_trunk())
        }
    }

    /// Removes a trunk. Calls in progress go on.
    ///
    /// # Errors
    /// [`AppError::Invalid`] naming `TrunkName`.
    pub async fn remove_trunk(&self, name: &str) -> Result<(), AppError> {
        let name = name_of(name)?;
        self.check_changeable(&name)?;
        let known = self.store.remove_trunk(&name).await?;
        self.trunks.invalidate(&());
        if known { Ok(()) } else { Err(unknown_trunk()) }
    }
}

fn changed(mut record: TrunkRecord, change: TrunkChange) -> Result<TrunkRecord, AppError> {
    for (field, text) in &change.fields {
        record.trunk.set(field, text).map_err(unfit)?;
    }
    set_password(
        "OutboundPassword",
        &mut record.outbound_secret,
        change.outbound_password,
    )?;
    set_password(
        "InboundPassword",
        &mut record.inbound_secret,
        change.inbound_password,
    )?;
    record.trunk.check().map_err(unfit)?;
    let trunk = &record.trunk;
    for (user, secret, parameter, why) in [
        (
            &trunk.outbound_user,
            &record.outbound_secret,
            "OutboundPassword",
            "OutboundUser and OutboundPassword go together",
        ),
        (
            &trunk.inbound_user,
            &record.inbound_secret,
            "InboundPassword",
            "InboundUser and InboundPassword go together",
        ),
    ] {
        if user.is_empty() != secret.is_none() {
            return Err(AppError::invalid(parameter, why));
        }
    }
    Ok(record)
}

fn set_password(
    parameter: &'static str,
    place: &mut Option<Secret>,
    wanted: Option<Secret>,
) -> Result<(), AppError> {
    let Some(wanted) = wanted else {
        return Ok(());
    };
    let text = wanted.reveal();
    if text.chars().count() > TRUNK_PASSWORD_CHARS_MAX || text.chars().any(char::is_control) {
        return Err(AppError::invalid(
            parameter,
            format!(
                "it is at most {TRUNK_PASSWORD_CHARS_MAX} characters, none of them a control \
                 character"
            ),
        ));
    }
    *place = (!text.is_empty()).then_some(wanted);
    Ok(())
}

fn name_of(text: &str) -> Result<TrunkName, AppError> {
    text.parse()
        .map_err(|why: axbridge_domain::trunk::TrunkNameError| {
            AppError::invalid("TrunkName", why.to_string())
        })
}

fn unfit(error: TrunkFieldError) -> AppError {
    AppError::invalid(error.field, error.why)
}

fn unknown_trunk() -> AppError {
    AppError::invalid("TrunkName", "there is no such trunk; ListTrunks lists them")
}

//! What the model knows of one binding.

use std::fmt;

use axbridge_domain::{
    binding::{Binding, Shape, SubId},
    party::PartyKey,
    phone::PhoneNumber,
    route::Route,
    time::Timestamp,
};

/// What matters of a binding.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Held {
    pub(crate) sub_id: SubId,
    pub(crate) x: PhoneNumber,
    pub(crate) a: PhoneNumber,
    pub(crate) b: Option<PhoneNumber>,
    pub(crate) exclusive: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) ended_at: Option<Timestamp>,
}

impl Held {
    pub(crate) fn of(binding: &Binding) -> Self {
        Self {
            sub_id: binding.sub_id,
            x: binding.x,
            a: binding.terms.a,
            b: binding.terms.b,
            exclusive: binding.terms.exclusive,
            created_at: binding.created_at,
            expires_at: binding.terms.expires_at,
            ended_at: binding.ended_at,
        }
    }

    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && now < self.expires_at
    }

    pub(crate) fn shape(&self) -> Shape {
        let a = party(self.a);
        match self.b {
            Some(b) => Shape::Axb { a, b: party(b) },
            None => Shape::Ax { a },
        }
    }

    pub(crate) fn routes(&self) -> Vec<Route> {
        self.shape().routes(self.x).collect()
    }

    pub(crate) fn has_equal_numbers(&self) -> bool {
        self.a == self.x || self.b == Some(self.x) || self.b == Some(self.a)
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let b = self.b.map_or("-".to_owned(), |b| b.last4().to_string());
        write!(
            f,
            "{} X {} A {} B {b}{} from {:?} to {:?}",
            self.sub_id,
            self.x.last4(),
            self.a.last4(),
            if self.exclusive { " exclusive" } else { "" },
            self.created_at,
            self.expires_at,
        )?;
        match self.ended_at {
            Some(at) => write!(f, ", unbound {at:?}"),
            None => Ok(()),
        }
    }
}

/// A key for the model's own use.
pub(crate) fn party(number: PhoneNumber) -> PartyKey {
    let mut digest = [0; 16];
    digest[8..].copy_from_slice(&number.to_bits().to_be_bytes());
    PartyKey::from_digest(digest)
}

/// A binding that is asked for, as far as obstacles concern it.
pub(crate) fn wish(
    x: PhoneNumber,
    a: PhoneNumber,
    b: Option<PhoneNumber>,
    exclusive: bool,
) -> Held {
    Held {
        sub_id: SubId::new(Timestamp::default(), x, 0),
        x,
        a,
        b,
        exclusive,
        created_at: Timestamp::default(),
        expires_at: Timestamp::default(),
        ended_at: None,
    }
}

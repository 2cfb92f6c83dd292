//! Bindings at rest: one cache line each, never moved, numbered.
//!
//! Pieces are added one at a time, so growing neither copies what is there nor holds it twice.

use hashbrown::HashMap;

use crate::{
    binding::{Mode, Shape, SubId},
    party::PartyKey,
    phone::PhoneNumber,
    route::{Route, Selector},
    standing::Load,
    time::Timestamp,
};

use super::{Holder, Record};

/// The number of a binding in memory; used again once the binding is forgotten.
pub(crate) type RecordNo = u32;

/// Bindings in one piece of the slab: 1 MiB.
const PIECE: usize = 1 << 14;
/// The end of the list of vacant slots.
const NOBODY: RecordNo = RecordNo::MAX;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Vacant,
    Ax,
    Axb,
    /// Its shape is in [`Slots::others`].
    Other,
}

#[repr(align(64))]
struct Slot {
    x: PhoneNumber,
    live_until: Timestamp,
    a: PartyKey,
    /// All zero when there is no B: no party's key is.
    b: [u8; 16],
    unix_s: u32,
    nonce: u32,
    /// The day of the calendar on which it comes up; while vacant, the next vacant slot.
    awaits: u32,
    x_last4: u16,
    kind: Kind,
    marks: u8,
}

const EXCLUSIVE: u8 = 1;
/// The loads include it.
const COUNTED: u8 = 1 << 1;
/// One entry of the route index that points here; an AX or AXB has at most two.
const ONE_KEY: u8 = 1 << 2;

const _: () = assert!(size_of::<Slot>() == 64);

/// A shape that has more to it than A and B.
struct Other {
    shape: Shape,
    keys: u32,
}

/// All bindings in memory.
pub(super) struct Slots {
    pieces: Vec<Vec<Slot>>,
    others: HashMap<RecordNo, Other>,
    first_vacant: RecordNo,
    occupied: usize,
}

impl Slot {
    fn sub_id(&self) -> SubId {
        SubId::from_parts(self.unix_s, self.x_last4, self.nonce)
    }

    fn b(&self) -> Option<PartyKey> {
        PartyKey::from_bytes(self.b)
    }

    fn has(&self, mark: u8) -> bool {
        self.marks & mark != 0
    }
}

impl Slots {
    pub(super) fn new() -> Self {
        Self {
            pieces: Vec::new(),
            others: HashMap::new(),
            first_vacant: NOBODY,
            occupied: 0,
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.occupied
    }

    /// Puts a binding in. It waits for nothing and has no keys yet.
    pub(super) fn insert(&mut self, record: Record, counted: bool) -> RecordNo {
        let (unix_s, x_last4, nonce) = record.sub_id.to_parts();
        let mut marks = 0;
        if record.exclusive {
            marks |= EXCLUSIVE;
        }
        if counted {
            marks |= COUNTED;
        }
        let slot = Slot {
            x: record.x,
            live_until: record.live_until,
            a: record.shape.a(),
            b: record.shape.b().map_or([0; 16], |b| *b.as_bytes()),
            unix_s,
            nonce,
            awaits: 0,
            x_last4,
            kind: match record.shape {
                Shape::Ax { .. } => Kind::Ax,
                Shape::Axb { .. } => Kind::Axb,
                _ => Kind::Other,
            },
            marks,
        };
        let other = slot.kind == Kind::Other;
        let no = self.place(slot);
        if other {
            let shape = record.shape;
            self.others.insert(no, Other { shape, keys: 0 });
        }
        self.occupied += 1;
        no
    }

    fn place(&mut self, slot: Slot) -> RecordNo {
        if let Some(vacant) = self.any(self.first_vacant) {
            let (no, next) = (self.first_vacant, vacant.awaits);
            if let Some(place) = self.any_mut(no) {
                *place = slot;
            }
            self.first_vacant = next;
            return no;
        }
        if self.pieces.last().is_none_or(|piece| piece.len() == PIECE) {
            // A small table stays small: only the first piece grows by copying.
            let room = if self.pieces.is_empty() { 0 } else { PIECE };
            self.pieces.push(Vec::with_capacity(room));
        }
        let before = (self.pieces.len() - 1) * PIECE;
        let Some(piece) = self.pieces.last_mut() else {
            return NOBODY;
        };
        piece.push(slot);
        (before + piece.len() - 1) as RecordNo
    }

    /// Takes a binding out; its number will be used again.
    pub(super) fn remove(&mut self, no: RecordNo) {
        let next = self.first_vacant;
        let Some(slot) = self.slot_mut(no) else {
            return;
        };
        let other = slot.kind == Kind::Other;
        slot.kind = Kind::Vacant;
        slot.awaits = next;
        if other {
            self.others.remove(&no);
        }
        self.first_vacant = no;
        self.occupied -= 1;
    }

    fn any(&self, no: RecordNo) -> Option<&Slot> {
        self.pieces
            .get(no as usize / PIECE)?
            .get(no as usize % PIECE)
    }

    fn any_mut(&mut self, no: RecordNo) -> Option<&mut Slot> {
        self.pieces
            .get_mut(no as usize / PIECE)?
            .get_mut(no as usize % PIECE)
    }

    fn slot(&self, no: RecordNo) -> Option<&Slot> {
        self.any(no).filter(|slot| slot.kind != Kind::Vacant)
    }

    fn slot_mut(&mut self, no: RecordNo) -> Option<&mut Slot> {
        self.any_mut(no).filter(|slot| slot.kind != Kind::Vacant)
    }

    fn shape(&self, no: RecordNo, slot: &Slot) -> Option<Shape> {
        match (slot.kind, slot.b()) {
            (Kind::Ax, _) => Some(Shape::Ax { a: slot.a }),
            (Kind::Axb, Some(b)) => Some(Shape::Axb { a: slot.a, b }),
            (Kind::Other, _) => self.others.get(&no).map(|other| other.shape.clone()),
            _ => None,
        }
    }

    /// The binding as it was put in, its end as it is now.
    pub(super) fn record(&self, no: RecordNo) -> Option<Record> {
        let slot = self.slot(no)?;
        Some(Record {
            sub_id: slot.sub_id(),
            x: slot.x,
            shape: self.shape(no, slot)?,
            exclusive: slot.has(EXCLUSIVE),
            live_until: slot.live_until,
        })
    }

    /// Its number and what it adds to that number's load.
    pub(super) fn load(&self, no: RecordNo) -> Option<(PhoneNumber, Load)> {
        let slot = self.slot(no)?;
        let mode = match slot.kind {
            Kind::Ax => Mode::Ax,
            Kind::Axb => Mode::Axb,
            _ => self.others.get(&no)?.shape.mode(),
        };
        Some((slot.x, Load::of(mode, slot.has(EXCLUSIVE))))
    }

    /// Its number and when it ends.
    pub(super) fn end(&self, no: RecordNo) -> Option<(PhoneNumber, Timestamp)> {
        self.slot(no).map(|slot| (slot.x, slot.live_until))
    }

    /// Its A and B.
    pub(super) fn pair(&self, no: RecordNo) -> Option<(PartyKey, Option<PartyKey>)> {
        self.slot(no).map(|slot| (slot.a, slot.b()))
    }

    /// Its id.
    pub(super) fn sub_id(&self, no: RecordNo) -> Option<SubId> {
        self.slot(no).map(Slot::sub_id)
    }

    /// Whether callers key an extension to reach its A.
    pub(super) fn has_extension(&self, no: RecordNo) -> bool {
        // The look at the slot first keeps the map out of most bindings' way.
        self.slot(no).is_some_and(|slot| slot.kind == Kind::Other)
            && matches!(
                self.others.get(&no).map(|other| &other.shape),
                Some(Shape::Axne { .. })
            )
    }

    /// Rule number `index` of it; `None` past the last one.
    pub(super) fn route(&self, no: RecordNo, index: usize) -> Option<Route> {
        let slot = self.slot(no)?;
        match slot.kind {
            Kind::Ax => Shape::Ax { a: slot.a }.route(slot.x, index),
            Kind::Axb => Shape::Axb {
                a: slot.a,
                b: slot.b()?,
            }
            .route(slot.x, index),
            _ => self.others.get(&no)?.shape.route(slot.x, index),
        }
    }

    /// Whom a call to `x` by `selector` rings by it.
    fn callee(
        &self,
        no: RecordNo,
        slot: &Slot,
        x: PhoneNumber,
        selector: Selector,
    ) -> Option<PartyKey> {
        match (slot.kind, selector) {
            (Kind::Ax, Selector::Any) if slot.x == x => Some(slot.a),
            (Kind::Axb, Selector::Caller(caller)) if slot.x == x => {
                if slot.a == caller {
                    slot.b()
                } else {
                    (slot.b == *caller.as_bytes()).then_some(slot.a)
                }
            }
            (Kind::Other, _) => {
                let routes = &self.others.get(&no)?.shape;
                let mut routes = routes.routes(slot.x);
                let found = routes.find(|route| route.x == x && route.selector == selector);
                found.map(|route| route.callee)
            }
            _ => None,
        }
    }

    /// Whether (x, selector) is one of its routes.
    pub(super) fn holds(&self, no: RecordNo, x: PhoneNumber, selector: Selector) -> bool {
        self.slot(no)
            .is_some_and(|slot| self.callee(no, slot, x, selector).is_some())
    }

    /// It as the holder of one of its routes.
    pub(super) fn holder(
        &self,
        no: RecordNo,
        x: PhoneNumber,
        selector: Selector,
    ) -> Option<Holder> {
        let slot = self.slot(no)?;
        let (own_x, load) = self.load(no)?;
        Some(Holder {
            sub_id: slot.sub_id(),
            x: own_x,
            callee: self.callee(no, slot, x, selector)?,
            load,
            live_until: slot.live_until,
        })
    }

    /// Moves its end.
    pub(super) fn set_live_until(&mut self, no: RecordNo, live_until: Timestamp) {
        if let Some(slot) = self.slot_mut(no) {
            slot.live_until = live_until;
        }
    }

    /// Whether the loads include it.
    pub(super) fn is_counted(&self, no: RecordNo) -> bool {
        self.slot(no).is_some_and(|slot| slot.has(COUNTED))
    }

    /// Notes that the loads no longer include it.
    pub(super) fn set_uncounted(&mut self, no: RecordNo) {
        if let Some(slot) = self.slot_mut(no) {
            slot.marks &= !COUNTED;
        }
    }

    /// The day of the calendar on which it comes up.
    pub(super) fn awaits(&self, no: RecordNo) -> Option<u32> {
        self.slot(no).map(|slot| slot.awaits)
    }

    /// Notes the day of the calendar on which it comes up.
    pub(super) fn set_awaits(&mut self, no: RecordNo, day: u32) {
        if let Some(slot) = self.slot_mut(no) {
            slot.awaits = day;
        }
    }

    /// Notes one more entry of the route index that points to it.
    pub(super) fn add_key(&mut self, no: RecordNo) {
        if let Some(other) = self.others.get_mut(&no) {
            other.keys += 1;
        } else if let Some(slot) = self.slot_mut(no) {
            slot.marks += ONE_KEY;
        }
    }

    /// Notes one entry fewer; true when none is left.
    pub(super) fn drop_key(&mut self, no: RecordNo) -> bool {
        if let Some(other) = self.others.get_mut(&no) {
            other.keys = other.keys.saturating_sub(1);
            return other.keys == 0;
        }
        let Some(slot) = self.slot_mut(no) else {
            return false;
        };
        slot.marks = slot.marks.saturating_sub(ONE_KEY);
        slot.marks < ONE_KEY
    }
}

//! Keys and values of all that was read, so that a step reads one token of each sequence.
//!
//! A sequence sits in the bank of the smallest capacity that holds it and moves up when it
//! outgrows that, so attention runs over whole banks, one contiguous product each, and
//! works little on places that nobody has filled yet. Whoever leaves is replaced by the
//! last of its bank: the seats of a bank have no gaps. A bank that three quarters have left
//! gives up half of its room, or sequences that began together would fill every bank in turn
//! and leave each as large as all of them.

use tch::{Device, Kind, Tensor};

use crate::{Error, network::RULED_OUT};

/// Capacities are multiples of this many tokens. Smaller steps waste less attention and
/// cost more calls.
const STEP: i64 = 64;

/// A bank that anybody ever sat in has room for so many.
const LEAST: i64 = 8;

/// Sizes of what is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// Transformer blocks.
    pub(super) blocks: i64,
    /// Query heads.
    pub(super) queries: i64,
    /// Key and value heads.
    pub(super) groups: i64,
    /// Width of one head.
    pub(super) width: i64,
    /// The numbers it is kept in.
    pub(super) kind: Kind,
    /// Where it is kept.
    pub(super) device: Device,
}

/// Keys and values of the sequences under way; a `T` says what else is known of each.
pub(super) struct Cache<T> {
    form: Form,
    /// The bank at `i` has a capacity of `(i + 1)·STEP` tokens.
    banks: Vec<Bank<T>>,
}

struct Bank<T> {
    capacity: i64,
    /// Keys and values of the blocks in turn, `[2·blocks, seats, groups, capacity, d]`.
    /// What stands beyond a sequence's end is finite and never weighs anything.
    store: Tensor,
    seats: Vec<Seat<T>>,
}

/// A sequence with a place in the cache.
pub(super) struct Seat<T> {
    /// How many of its tokens the cache holds.
    pub(super) length: i64,
    /// Who sits there.
    pub(super) tenant: T,
}

/// Where a seat is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    bank: usize,
    seat: usize,
}

/// One more token for everybody who sat when it was made.
pub(super) struct Turn {
    shares: Vec<Share>,
}

/// A bank's part in a turn: as many rows as it had seats.
struct Share {
    bank: usize,
    rows: i64,
    /// The row of the flattened keys that each new key becomes, `[rows·groups]`.
    index: Tensor,
    /// 0 where a token stands and −∞ beyond, `[rows·groups, heads per group, capacity]`.
    mask: Tensor,
}

impl<T> Cache<T> {
    /// An empty cache.
    pub(super) fn new(form: Form) -> Self {
        Self { form, banks: Vec::new() }
    }

    /// How many sequences sit in it.
    pub(super) fn len(&self) -> usize {
        self.banks.iter().map(|bank| bank.seats.len()).sum()
    }

    /// All seats, in the order of a turn's rows.
    pub(super) fn seats(&self) -> impl Iterator<Item = &Seat<T>> {
        self.banks.iter().flat_map(|bank| &bank.seats)
    }

    /// The places of all seats, in the same order.
    pub(super) fn places(&self) -> Vec<Place> {
        let of = |(bank, b): (usize, &Bank<T>)| {
            (0..b.seats.len()).map(move |seat| Place { bank, seat }).collect::<Vec<_>>()
        };
        self.banks.iter().enumerate().flat_map(of).collect()
    }

    /// The seat at `place`.
    pub(super) fn seat_mut(&mut self, place: Place) -> &mut Seat<T> {
        &mut self.banks[place.bank].seats[place.seat]
    }

    /// Seats a sequence whose first `length` tokens are about to be read.
    pub(super) fn sit(&mut self, length: i64, tenant: T) -> Result<Place, Error> {
        // Its next token needs room too.
        let bank = (length / STEP) as usize;
        let seat = self.open(bank)?;
        self.banks[bank].seats.push(Seat { length, tenant });
        Ok(Place { bank, seat })
    }

    /// Takes a sequence away; the last of its bank takes the place.
    pub(super) fn leave(&mut self, place: Place) -> Result<T, Error> {
        let bank = &mut self.banks[place.bank];
        let last = bank.seats.len() - 1;
        if place.seat < last {
            let length = bank.seats[last].length;
            bank.at(place.seat, length)?.f_copy_(&bank.at(last, length)?)?;
        }
        Ok(bank.seats.swap_remove(place.seat).tenant)
    }

    /// Moves whoever fills a bank to the next, so that everybody has room for one token, and
    /// gives up room that nobody needs.
    pub(super) fn make_room(&mut self) -> Result<(), Error> {
        for bank in (0..self.banks.len()).rev() {
            for seat in (0..self.banks[bank].seats.len()).rev() {
                let length = self.banks[bank].seats[seat].length;
                if length < self.banks[bank].capacity {
                    continue;
                }
                let free = self.open(bank + 1)?;
                let from = self.banks[bank].at(seat, length)?;
                self.banks[bank + 1].at(free, length)?.f_copy_(&from)?;
                let tenant = self.leave(Place { bank, seat })?;
                self.banks[bank + 1].seats.push(Seat { length, tenant });
            }
        }
        self.banks.iter_mut().try_for_each(|bank| bank.shrink(&self.form))
    }

    /// A turn of everybody who sits now.
    pub(super) fn turn(&self) -> Result<Turn, Error> {
        let full = self.banks.iter().enumerate().filter(|(_, bank)| !bank.seats.is_empty());
        let shares = full.map(|(index, bank)| bank.share(index, &self.form));
        Ok(Turn { shares: shares.collect::<Result<_, Error>>()? })
    }

    /// Attention of one token of each sequence over its own past and itself, in the block
    /// `block`: `q [rows, heads, d]` to the same shape; `k` and `v [rows, groups, d]` are
    /// kept.
    pub(super) fn attend(
        &self,
        turn: &Turn,
        block: usize,
        [q, k, v]: [&Tensor; 3],
    ) -> Result<Tensor, Error> {
        let Form { groups, queries, width, kind, .. } = self.form;
        let scale = 1.0 / (width as f64).sqrt();
        let mixed = q.f_empty_like()?;
        let mut start = 0;
        for share in &turn.shares {
            let bank = &self.banks[share.bank];
            let rows = |x: &Tensor| x.f_narrow(0, start, share.rows);
            let pairs = share.rows * groups;
            let [keys, values] = bank.block(block)?;
            for (kept, new) in [(&keys, k), (&values, v)] {
                let new = rows(new)?.f_reshape([pairs, width])?;
                let _ = kept.f_view([-1, width])?.f_index_copy_(0, &share.index, &new)?;
            }
            let seen = |x: &Tensor| x.f_view([-1, bank.capacity, width])?.f_narrow(0, 0, pairs);
            // The queries that share a key stand below each other.
            let q = rows(q)?.f_reshape([pairs, queries / groups, width])?;
            let keys = seen(&keys)?.f_transpose(1, 2)?;
            let scores = share.mask.f_baddbmm(&q, &keys, 1.0, scale)?;
            let y = scores.f_softmax(-1, kind)?.f_bmm(&seen(&values)?)?;
            rows(&mixed)?.f_copy_(&y.f_view([share.rows, queries, width])?)?;
            start += share.rows;
        }
        Ok(mixed)
    }

    /// Keeps `k` and `v [length, groups, d]`, the whole past of a new sequence.
    pub(super) fn keep(
        &self,
        place: Place,
        block: usize,
        [k, v]: [&Tensor; 2],
    ) -> Result<(), Error> {
        let length = k.size()[0];
        let kept = self.banks[place.bank].block(block)?;
        for (kept, new) in kept.iter().zip([k, v]) {
            let kept = kept.f_get(place.seat as i64)?.f_narrow(1, 0, length)?;
            { kept }.f_copy_(&new.f_transpose(0, 1)?)?;
        }
        Ok(())
    }

    /// A free seat of the bank `bank`, which is there afterwards.
    fn open(&mut self, bank: usize) -> Result<usize, Error> {
        while self.banks.len() <= bank {
            let capacity = (self.banks.len() as i64 + 1) * STEP;
            self.banks.push(Bank::empty(capacity, &self.form)?);
        }
        self.banks[bank].open(&self.form)
    }
}

impl<T> Bank<T> {
    fn empty(capacity: i64, form: &Form) -> Result<Self, Error> {
        Ok(Self { capacity, store: Self::room(0, capacity, form)?, seats: Vec::new() })
    }

    fn room(seats: i64, capacity: i64, form: &Form) -> Result<Tensor, Error> {
        let size = [2 * form.blocks, seats, form.groups, capacity, form.width];
        Ok(Tensor::f_zeros(size, (form.kind, form.device))?)
    }

    /// The index of the first free seat; there is twice the room where there was none.
    fn open(&mut self, form: &Form) -> Result<usize, Error> {
        let (sitting, room) = (self.seats.len() as i64, self.store.size()[1]);
        if sitting == room {
            self.resize((2 * room).max(LEAST), form)?;
        }
        Ok(self.seats.len())
    }

    /// Halves the room where three quarters of it are free.
    fn shrink(&mut self, form: &Form) -> Result<(), Error> {
        let (sitting, room) = (self.seats.len() as i64, self.store.size()[1]);
        match LEAST < room && 4 * sitting <= room {
            true => self.resize(room / 2, form),
            false => Ok(()),
        }
    }

    /// Moves all who sit into a store of `room` seats.
    fn resize(&mut self, room: i64, form: &Form) -> Result<(), Error> {
        let sitting = self.seats.len() as i64;
        let store = Self::room(room, self.capacity, form)?;
        store.f_narrow(1, 0, sitting)?.f_copy_(&self.store.f_narrow(1, 0, sitting)?)?;
        self.store = store;
        Ok(())
    }

    /// The first `length` keys and values of a seat, `[2·blocks, groups, length, d]`.
    fn at(&self, seat: usize, length: i64) -> Result<Tensor, Error> {
        Ok(self.store.f_select(1, seat as i64)?.f_narrow(2, 0, length)?)
    }

    /// Keys and values of a block, `[seats, groups, capacity, d]` each.
    fn block(&self, block: usize) -> Result<[Tensor; 2], Error> {
        let first = 2 * block as i64;
        Ok([self.store.f_get(first)?, self.store.f_get(first + 1)?])
    }

    fn share(&self, bank: usize, form: &Form) -> Result<Share, Error> {
        let Form { groups, queries, kind, device, .. } = *form;
        let (rows, capacity) = (self.seats.len() as i64, self.capacity);
        let lengths: Vec<i64> = self.seats.iter().map(|seat| seat.length).collect();
        let row = |pair: i64| pair * capacity + lengths[(pair / groups) as usize];
        let index: Vec<i64> = (0..rows * groups).map(row).collect();
        let index = Tensor::f_from_slice(&index)?.f_to_device(device)?;
        let lengths = Tensor::f_from_slice(&lengths)?.f_to_device(device)?.f_view([rows, 1])?;
        let beyond = Tensor::f_arange(capacity, (Kind::Int64, device))?.f_gt_tensor(&lengths)?;
        let mask = Tensor::f_zeros([rows, capacity], (kind, device))?;
        let mask = mask.f_masked_fill(&beyond, RULED_OUT)?.f_view([rows, 1, 1, capacity])?;
        let shared = queries / groups;
        let mask = mask.f_expand([rows, groups, shared, capacity], false)?;
        let mask = mask.f_reshape([rows * groups, shared, capacity])?;
        Ok(Share { bank, rows, index, mask })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Form =
        Form { blocks: 1, queries: 1, groups: 1, width: 2, kind: Kind::Float, device: Device::Cpu };

    /// What is kept of a tenant's first token.
    fn mark(cache: &Cache<i64>, place: Place) -> f64 {
        cache.banks[place.bank].at(place.seat, 1).unwrap().double_value(&[0, 0, 0, 0])
    }

    #[test]
    fn whoever_stays_keeps_what_was_kept_while_a_bank_grows_and_shrinks() {
        let mut cache = Cache::new(FORM);
        for tenant in 0..100 {
            let place = cache.sit(1, tenant).unwrap();
            let own = Tensor::from_slice(&[tenant as f32; 2]).view([1, 1, 2]);
            cache.keep(place, 0, [&own, &own]).unwrap();
        }
        assert_eq!(cache.banks[0].store.size()[1], 128);
        while 3 < cache.len() {
            // The first of the bank, so that others move into its place.
            cache.leave(Place { bank: 0, seat: 0 }).unwrap();
            cache.make_room().unwrap();
        }
        assert_eq!(cache.banks[0].store.size()[1], LEAST);
        for place in cache.places() {
            assert_eq!(mark(&cache, place), cache.seat_mut(place).tenant as f64);
        }
    }
}

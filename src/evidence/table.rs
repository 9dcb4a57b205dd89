//! What is known of each thread, session or piece of memory in a journal.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use crate::call::{Memory, Session, ThreadNumber};

/// What has a number, by which a table finds its record.
pub(super) trait Key {
    fn number(self) -> u128;
}

impl Key for ThreadNumber {
    fn number(self) -> u128 {
        ThreadNumber::number(self).into()
    }
}

impl Key for Session {
    fn number(self) -> u128 {
        self.raw().into()
    }
}

impl Key for (ThreadNumber, Session) {
    fn number(self) -> u128 {
        Key::number(self.0) << 32 | Key::number(self.1)
    }
}

impl Key for Memory {
    fn number(self) -> u128 {
        self.raw().into()
    }
}

/// The number of a call.
impl Key for usize {
    fn number(self) -> u128 {
        self as u128
    }
}

/// A record for each key, in the order in which the keys came. None is ever removed.
///
/// All tables have the same type of map inside. Every other type would add thousands of lines of
/// machine code to each build of each user.
#[derive(Debug)]
pub(super) struct Table<K, T> {
    positions: BTreeMap<u128, usize>,
    records: Vec<T>,
    keys: PhantomData<K>,
}

impl<K, T> Default for Table<K, T> {
    fn default() -> Self {
        Self { positions: BTreeMap::new(), records: Vec::new(), keys: PhantomData }
    }
}

impl<K: Key, T> Table<K, T> {
    /// Returns the position of the key's record among all.
    pub(super) fn position(&self, key: K) -> Option<usize> {
        self.positions.get(&key.number()).copied()
    }

    pub(super) fn get(&self, key: K) -> Option<&T> {
        self.records.get(self.position(key)?)
    }

    /// Returns the key's record, which is the default if the key is new.
    pub(super) fn entry(&mut self, key: K) -> &mut T
    where
        T: Default,
    {
        let at = *self.positions.entry(key.number()).or_insert(self.records.len());
        if at == self.records.len() {
            self.records.push(T::default());
        }
        &mut self.records[at]
    }

    pub(super) fn records(&self) -> &[T] {
        &self.records
    }
}

/// A hash index into a table of slots: open addressing, linear probing, no tombstones.
///
/// A `HashMap` would have to own its keys, and the paths are owned by the slots; the standard
/// library has no map whose keys live elsewhere, and a crate that has one is no dependency that
/// users of a test double should compile.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    buckets: Box<[Bucket]>,
    used: usize,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    hash: u32,
    slot: u32,
}

impl Bucket {
    /// No slot has this number: there are at most `u32::MAX - 1` handles.
    const EMPTY: Self = Self { hash: 0, slot: u32::MAX };

    fn is_empty(self) -> bool {
        self.slot == u32::MAX
    }
}

impl Index {
    pub(crate) fn new() -> Self {
        Self { buckets: Box::default(), used: 0 }
    }

    /// How many slots are in.
    pub(crate) fn len(&self) -> usize {
        self.used
    }

    /// The slot with this hash for which `is_it` holds.
    pub(crate) fn find(&self, hash: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        if self.buckets.is_empty() {
            return None;
        }
        let mask = self.buckets.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let bucket = self.buckets[at];
            if bucket.is_empty() {
                return None;
            }
            if bucket.hash == hash && is_it(bucket.slot) {
                return Some(bucket.slot);
            }
            at = (at + 1) & mask;
        }
    }

    /// Adds a slot that is not in the index.
    pub(crate) fn insert(&mut self, hash: u32, slot: u32) {
        if (self.used + 1) * 4 > self.buckets.len() * 3 {
            self.grow();
        }
        self.used += 1;
        self.place(Bucket { hash, slot });
    }

    /// Takes a slot out, if it is in.
    #[inline]
    pub(crate) fn remove(&mut self, hash: u32, slot: u32) {
        if self.buckets.is_empty() {
            return;
        }
        let mask = self.buckets.len() - 1;
        let mut hole = hash as usize & mask;
        while self.buckets[hole].slot != slot {
            if self.buckets[hole].is_empty() {
                return;
            }
            hole = (hole + 1) & mask;
        }
        self.used -= 1;
        // Moves up what stands behind, so that every run stays without a hole between a bucket
        // and the place where its search starts.
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            let bucket = self.buckets[at];
            if bucket.is_empty() {
                break;
            }
            let home = bucket.hash as usize & mask;
            if (at.wrapping_sub(home) & mask) >= (at.wrapping_sub(hole) & mask) {
                self.buckets[hole] = bucket;
                hole = at;
            }
        }
        self.buckets[hole] = Bucket::EMPTY;
    }

    #[cold]
    fn grow(&mut self) {
        let size = (self.buckets.len() * 2).max(8);
        let old = std::mem::replace(&mut self.buckets, vec![Bucket::EMPTY; size].into());
        for bucket in old {
            if !bucket.is_empty() {
                self.place(bucket);
            }
        }
    }

    fn place(&mut self, bucket: Bucket) {
        let mask = self.buckets.len() - 1;
        let mut at = bucket.hash as usize & mask;
        while !self.buckets[at].is_empty() {
            at = (at + 1) & mask;
        }
        self.buckets[at] = bucket;
    }
}

// proptest is not there in a model's build, and would be blind in it.
#[cfg(all(test, not(any(loom, dism_loom, shuttle, dism_shuttle))))]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a map, with so few hashes that runs collide, wrap around and grow.
        #[test]
        fn agrees_with_a_map(steps in prop::collection::vec((0..40_u32, any::<bool>()), 0..400)) {
            let mut index = Index::new();
            let mut map = BTreeMap::new();
            let hash_of = |slot: u32| (slot % 7).wrapping_sub(3);
            for (slot, put) in steps {
                if put && !map.contains_key(&slot) {
                    index.insert(hash_of(slot), slot);
                    map.insert(slot, ());
                } else if !put {
                    index.remove(hash_of(slot), slot);
                    map.remove(&slot);
                }
                for slot in 0..40 {
                    let found = index.find(hash_of(slot), |it| it == slot);
                    prop_assert_eq!(found, map.get(&slot).map(|()| slot));
                }
                prop_assert_eq!(index.len(), map.len());
            }
        }
    }
}

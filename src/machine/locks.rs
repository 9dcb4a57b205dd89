//! The locks on images that failed opens have left behind (rule O11).

use hashbrown::HashTable;

use super::spread;
use crate::call::Error;
use crate::call::image::{ImageKey, OwnedImageKey};

/// The locked images. Most processes have none.
#[derive(Clone, Debug)]
pub(super) struct Locks(HashTable<OwnedImageKey>);

impl Locks {
    pub(super) const fn new() -> Self {
        Self(HashTable::new())
    }

    pub(super) fn add(&mut self, image: ImageKey<'_>) {
        let hash = |image: &OwnedImageKey| spread(image.key().hash());
        self.0.insert_unique(spread(image.hash()), image.to_owned(), hash);
    }

    /// Fails if the image is locked.
    #[inline]
    pub(super) fn check(&self, image: ImageKey<'_>) -> Result<(), Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        match self.0.find(spread(image.hash()), |locked| image.is_same(locked.key())) {
            Some(_) => Err(Error::ImageLocked),
            None => Ok(()),
        }
    }
}

//! The mounted images, found by path.

use hashbrown::HashTable;

use super::spread;
use crate::call::MountImage;
use crate::call::image::ImageKey;

/// The mounted images, in the order in which they were mounted (rule N4).
#[derive(Clone, Debug)]
pub(super) struct Mounts {
    images: Vec<MountImage>,
    /// For each image its position, found by the hash of its path.
    by_path: HashTable<usize>,
}

impl Mounts {
    pub(super) const fn new() -> Self {
        Self { images: Vec::new(), by_path: HashTable::new() }
    }

    pub(super) fn all(&self) -> &[MountImage] {
        &self.images
    }

    /// Returns the position of what is mounted at the path.
    pub(super) fn find(&self, path: ImageKey<'_>) -> Option<usize> {
        let is_same = |at: &usize| path.matches(self.images[*at].path.key().path());
        self.by_path.find(spread(path.hash()), is_same).copied()
    }

    pub(super) fn add(&mut self, mount: MountImage) {
        let hash = |mount: &MountImage| spread(mount.path.key().hash());
        let at = self.images.len();
        self.by_path.insert_unique(hash(&mount), at, |at| hash(&self.images[*at]));
        self.images.push(mount);
    }

    pub(super) fn remove(&mut self, at: usize) {
        let removed = self.images.remove(at);
        let hash = spread(removed.path.key().hash());
        if let Ok(found) = self.by_path.find_entry(hash, |other| *other == at) {
            found.remove();
        }
        for behind in self.by_path.iter_mut().filter(|behind| **behind > at) {
            *behind -= 1;
        }
    }
}

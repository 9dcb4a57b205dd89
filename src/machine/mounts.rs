//! The mounted images, found by path.

use crate::call::MountImage;
use crate::call::image::ImageKey;

/// The mounted images, in the order in which they were mounted (rule N4).
#[derive(Clone, Debug)]
pub(super) struct Mounts {
    images: Vec<MountImage>,
    /// The hash of each image's path. Folding the letter case of every path would take longer than
    /// everything else that a call does.
    hashes: Vec<u32>,
}

impl Mounts {
    pub(super) const fn new() -> Self {
        Self { images: Vec::new(), hashes: Vec::new() }
    }

    pub(super) fn all(&self) -> &[MountImage] {
        &self.images
    }

    /// The index of what is mounted at the path.
    pub(super) fn find(&self, path: ImageKey<'_>) -> Option<usize> {
        let mut hashes = self.hashes.iter().zip(&self.images);
        hashes
            .position(|(hash, mount)| *hash == path.hash() && path.matches(mount.path.key().path()))
    }

    pub(super) fn add(&mut self, mount: MountImage) {
        self.hashes.push(mount.path.key().hash());
        self.images.push(mount);
    }

    pub(super) fn remove(&mut self, at: usize) {
        self.hashes.remove(at);
        self.images.remove(at);
    }
}

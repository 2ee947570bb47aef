/**
 * The current version of the user-data format. kimg writes it into each image and into the Glance property
 * `kstack_contract`; an image without that property has contract 0. kstack renders the user-data of a pool for the
 * contract of its image, and refuses an image with a higher one.
 *
 * Increase it when an image needs values in user-data that an earlier kstack does not provide, or when user-data needs a
 * file or program that earlier images do not have. Then move the files of the previous contract to
 * `cloud-init/contract-N/`, and keep them while any cluster has such an image.
 *
 * - 0: the steps of assembling are in the user-data (images of kimg 0.2.0)
 * - 1: they are in the image, in /usr/share/kstack/assemble; user-data only has the values of the cluster
 * - 2: masters verify the join token of each member, which Heat makes from a seed (kstack-tokens)
 */
export const imageContract = 2;

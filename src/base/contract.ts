/**
 * The contract between user-data and node image that this version speaks. kimg writes it into each image and
 * into the Glance property `kstack_contract`; an image without that property has contract 0. kstack renders
 * the user-data of a pool for the contract of its image, and refuses an image of a higher one.
 *
 * Raise it when an image needs facts from user-data that an earlier kstack does not give, or when user-data
 * needs a file or program that earlier images do not have. The files of the contract before then go to
 * `cloud-init/contract-N/`, and stay there until no cluster has an image of it any more.
 *
 * - 0: the steps of assembling are in the user-data (images of kimg 0.2.0)
 * - 1: they are in the image, in /usr/share/kstack/assemble; user-data has the facts of a cluster alone
 * - 2: masters verify the join token of each member, which Heat makes from a seed (kstack-tokens)
 */
export const imageContract = 2;

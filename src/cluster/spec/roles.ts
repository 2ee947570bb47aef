/** What a node is for. */
export type Role = 'master' | 'minion' | 'gateway';

export const roles: readonly Role[] = ['master', 'minion', 'gateway'];

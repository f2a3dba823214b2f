import type { Connection } from '@libp2p/interface'

/** Whether new streams should rather go to `a` than to `b`. */
export function isBetter(a: Pick<Connection, 'direct'>, b: Pick<Connection, 'direct'>): boolean {
  return a.direct && !b.direct
}

/** The open one for new streams: a direct one before a relayed one, then the one that was there first, whose windows have grown. */
export function bestConnection<C extends Pick<Connection, 'direct' | 'status'>>(
  connections: readonly C[],
): C | undefined {
  let best: C | undefined
  for (const one of connections) {
    if (one.status === 'open' && (best === undefined || isBetter(one, best))) best = one
  }
  return best
}

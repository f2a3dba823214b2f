import type { Connection } from '@libp2p/interface'

/** Refusals on one connection after which it is hostile, and not only clumsy or early. */
const REFUSALS = 10

/** Counts what was refused on each connection, and cuts those off that go on. */
export function createHangUp(cut: () => void): (connection: Connection) => void {
  const refusals = new WeakMap<Connection, number>()
  return connection => {
    const count = (refusals.get(connection) ?? 0) + 1
    refusals.set(connection, count)
    if (count < REFUSALS || connection.status !== 'open') return
    cut()
    connection.abort(new Error('too much of the connection was refused'))
  }
}

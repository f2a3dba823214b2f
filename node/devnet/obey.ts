/**
 * Ties this process to the devnet that started it: aborted when that says so. To be called before anything else is loaded, so
 * that no moment is left in which nobody listens.
 */
export function obey(): AbortSignal {
  const stopping = new AbortController()
  const stop = () => stopping.abort(new DOMException('the node stops', 'AbortError'))
  process.on('SIGTERM', stop).on('message', stop)
  // a terminal's Ctrl-C reaches every process of the group; the devnet says when this one stops
  process.on('SIGINT', () => undefined).on('SIGHUP', () => undefined)
  // the devnet is gone: what is on the disk is whole at any moment, and an exit would wait for what hangs
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
  return stopping.signal
}

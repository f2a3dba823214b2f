import type { Socket } from 'node:net'
import type { Clock } from '../../../base/clock.ts'

/** How every HTTP/2 connection begins; no method of HTTP/1.1 that we serve begins so. */
const PREFACE = Buffer.from('PRI')

/**
 * Tells by the first bytes what a connection speaks, and leaves them to be read again. A connection that sends none in
 * time, or ends, is closed.
 */
export function sniff(
  socket: Socket,
  clock: Clock,
  firstBytesMs: number,
  tell: (protocol: 'http1' | 'http2') => void,
): void {
  let held = Buffer.alloc(0)
  const timer = clock.after(firstBytesMs, () => socket.destroy(), { background: true })
  const ignore = () => undefined
  const stop = () => {
    timer.stop()
    socket.off('readable', read)
    socket.off('error', ignore)
    socket.off('close', stop)
  }
  const read = () => {
    const chunk: Buffer | null = socket.read()
    if (chunk === null) {
      if (socket.readableEnded || socket.readableAborted) socket.destroy()
      return
    }
    held = Buffer.concat([held, chunk])
    const common = held.subarray(0, PREFACE.length)
    const isPreface = PREFACE.subarray(0, common.length).equals(common)
    if (isPreface && common.length < PREFACE.length) return
    stop()
    socket.unshift(held)
    tell(isPreface ? 'http2' : 'http1')
  }
  // until somebody else listens
  socket.on('error', ignore)
  socket.on('close', stop)
  socket.on('readable', read)
  socket.once('end', () => {
    if (held.length < PREFACE.length) socket.destroy()
  })
}

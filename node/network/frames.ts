import type { MessageStream, StreamMessageEvent } from '@libp2p/interface'

/** Messages that each follow their length, as libp2p's own protocols send them. */
export interface FrameRules<Reason extends string> {
  /** of one message; a longer one is refused by its length alone */
  maxBytes: number
  tooLong: Reason
  malformed: Reason
  /** A message of so many bytes begins: why it is refused, if it is. */
  begins?(lengthBytes: number): Reason | undefined
  /** All of a message is here, and the library has not decoded it yet. Keeps each message in memory, so bound it. */
  complete?(message: Uint8Array): Reason | undefined
  /** Called once. What is refused, and what comes after it, never reaches the library. */
  refused(reason: Reason): void
}

const MAX_PREFIX_BYTES = 4

/**
 * Looks at what a stream brings before the library that handles it does: listeners are called in order, and the first can
 * keep a chunk from the others. Call it before the library attaches its reader.
 */
export function watchFrames<Reason extends string>(stream: MessageStream, rules: FrameRules<Reason>): void {
  const watch = watcher(createFinder(rules), rules.refused)
  const add = stream.addEventListener.bind(stream)
  let watching = false
  // ours comes together with the library's: what arrives while only one of them listens would be lost to the other
  stream.addEventListener = (...args: Parameters<typeof add>) => {
    if (args[0] === 'message' && !watching) {
      watching = true
      add('message', watch)
    }
    add(...args)
  }
}

/** A listener that keeps everything from the later ones once `judge` has found a reason. */
export function watcher<Reason extends string>(
  judge: (event: Pick<StreamMessageEvent, 'data'>) => Reason | undefined,
  refused: (reason: Reason) => void,
): (event: StreamMessageEvent) => void {
  let over = false
  return event => {
    const reason = over ? undefined : judge(event)
    if (reason === undefined && !over) return
    event.stopImmediatePropagation()
    if (over || reason === undefined) return
    over = true
    refused(reason)
  }
}

/** The pieces of a chunk. */
export function piecesOf({ data }: Pick<StreamMessageEvent, 'data'>): Iterable<Uint8Array> {
  return data instanceof Uint8Array ? [data] : data
}

function createFinder<Reason extends string>(
  rules: FrameRules<Reason>,
): (event: Pick<StreamMessageEvent, 'data'>) => Reason | undefined {
  const { maxBytes, tooLong, malformed, begins, complete } = rules
  let prefix = 0
  let prefixBytes = 0
  /** of the message that is under way; undefined while its length is being read */
  let left: number | undefined
  let message: Uint8Array | undefined
  let filled = 0

  function begin(lengthBytes: number): Reason | undefined {
    prefix = 0
    prefixBytes = 0
    if (lengthBytes > maxBytes) return tooLong
    left = lengthBytes
    filled = 0
    if (complete !== undefined) message = new Uint8Array(lengthBytes)
    return begins?.(lengthBytes) ?? endIfDone()
  }

  function endIfDone(): Reason | undefined {
    if (left !== 0) return undefined
    left = undefined
    return message === undefined ? undefined : complete?.(message)
  }

  /** Reads one byte of a length. */
  function readPrefix(byte: number): Reason | undefined {
    prefix += (byte & 0x7f) * 2 ** (7 * prefixBytes++)
    if (byte < 0x80) return begin(prefix)
    return prefixBytes === MAX_PREFIX_BYTES ? malformed : undefined
  }

  function readBody(bytes: Uint8Array): Reason | undefined {
    message?.set(bytes, filled)
    filled += bytes.length
    left = (left ?? 0) - bytes.length
    return endIfDone()
  }

  return event => {
    for (const piece of piecesOf(event)) {
      for (let at = 0; at < piece.length; ) {
        const taken = left === undefined ? 1 : Math.min(left, piece.length - at)
        const reason = left === undefined ? readPrefix(piece[at]!) : readBody(piece.subarray(at, at + taken))
        if (reason !== undefined) return reason
        at += taken
      }
    }
    return undefined
  }
}

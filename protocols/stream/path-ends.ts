import { ProtocolError } from '../errors.ts'

/** What it is called that a stream is over before its time. */
export interface PathEnds {
  /** it ended as if all had been said */
  truncated(): ProtocolError
  /** it was reset, or its connection broke */
  lost(cause?: unknown): ProtocolError
}

const DIRECT: PathEnds = {
  truncated: () => new ProtocolError('TRUNCATED'),
  lost: cause => new ProtocolError('CONNECTION_LOST', { cause }),
}

/** A relay that goes ends the streams of both sides, and to each it looks as if the other one had. */
const RELAYED: PathEnds = {
  truncated: () => new ProtocolError('PATH_LOST'),
  lost: cause => new ProtocolError('PATH_LOST', { cause }),
}

/** For a stream of this connection; of a direct one when none is named. */
export function pathEnds({ direct }: { readonly direct: boolean } = { direct: true }): PathEnds {
  return direct ? DIRECT : RELAYED
}

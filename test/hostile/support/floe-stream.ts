import { parseObjectId } from '../../../codec/index.ts'
import { SPECS } from '../../../protocols/specs.ts'
import { encodeFrame } from '../../../protocols/stream/frame.ts'
import { ClientHello } from '../../../protocols/wire.ts'
import type { Target } from '../attack.ts'

export type Protocol = keyof typeof SPECS

export const protocolId = (name: Protocol): string => SPECS[name].id

/** The first words on a stream of Floe's. */
export function hello({ network }: Target): Uint8Array {
  return encodeFrame(ClientHello.encode({ network: parseObjectId(network) }))
}

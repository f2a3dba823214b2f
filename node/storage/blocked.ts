import type { BlobId } from '../../codec/types.ts'
import { ProtocolError, type ServerPorts } from '../../protocols/index.ts'
import { showing } from './shown.ts'

/** What a node answers its peers from. */
export type PeerPorts = Pick<ServerPorts, 'custody' | 'slivers' | 'status'>

/** The same without the blobs that the operator may not hand out: they are not shown, and no upload of one is taken. */
export function withoutBlocked(
  { custody, ...ports }: PeerPorts,
  isBlocked: (blobId: BlobId) => boolean,
): PeerPorts {
  return {
    custody: {
      async open(header, context) {
        const { blobId } = header.metadata
        if (isBlocked(blobId)) throw new ProtocolError('BLOCKED', { details: { blobId } })
        return await custody.open(header, context)
      },
    },
    ...showing(ports, blobId => !isBlocked(blobId)),
  }
}

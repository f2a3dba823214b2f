import assert from 'node:assert/strict'
import type { ServedRequest } from '../../../protocols/rpc/served-request.ts'
import { SPECS } from '../../../protocols/specs.ts'
import { StatusRequest } from '../../../protocols/status/messages.ts'
import { statusHandler } from '../../../protocols/status/server.ts'
import { blobId, fakeNode, metadataOf } from '../support/fakes.ts'

describe('status', () => {
  it("counts metadata, a hundred times as large as its question, against the peer's rate", async () => {
    const node = fakeNode()
    const id = blobId(1)
    const log: (string | number)[] = []
    const exchange = {
      spec: SPECS.status,
      peer: 'peer',
      signal: new AbortController().signal,
      note: () => {},
      moved: () => {},
      expect: (direction: string, bytes: number) => void log.push(direction, bytes),
      quota: { pace: async (bytes: number) => void log.push(bytes) },
      channel: { send: async () => void log.push('answer') },
    } as unknown as ServedRequest
    const handle = statusHandler(
      { ...node.status, metadata: async () => metadataOf(id, 77) },
      node.certificates,
      node.snapshots,
    )
    await handle(StatusRequest.encode({ Metadata: id }), exchange)
    const { length } = metadataOf(id, 77).hashes
    assert.deepEqual(log, ['out', length, length, 'answer'])
  })
})

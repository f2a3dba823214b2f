import assert from 'node:assert/strict'
import type { BlobMetadata } from '../../../../codec/types.ts'
import { createGatewayBlobs } from '../../../../node/page/service/gateway-blobs.ts'

const ID = 'A'.repeat(43)
const OTHER = 'E'.repeat(43)
const DATA = new Uint8Array([1, 2, 3, 4])

describe('blobs by way of the gateway', () => {
  let asked: { path: string; signal: AbortSignal }[]
  let answers: ((answer: Response) => void)[]
  beforeEach(() => {
    asked = []
    answers = []
  })
  /** Whatever is sent has the ID. */
  const create = (found = (): string => asked.at(-1)!.path.slice(-43)) =>
    createGatewayBlobs({
      maxBytes: 4,
      fetch(path, { signal }) {
        asked.push({ path, signal })
        return new Promise((resolve, reject) => {
          answers.push(resolve)
          signal.addEventListener('abort', () => reject(signal.reason))
        })
      },
      createCodec: () => ({
        metadata: async () => ({ blobId: found() }) as BlobMetadata,
        close: async () => undefined,
      }),
    })
  const patient = { nShards: 10, signal: new AbortController().signal }
  /** Until what was begun has come to the gateway. */
  const turn = () => new Promise(resolve => setImmediate(resolve))

  it('are fetched once for all who wait, and not again while it was the last', async () => {
    const blobs = create()
    const both = Promise.all([blobs.get(ID, patient), blobs.get(ID, patient)])
    await turn()
    answers[0]!(new Response(DATA))
    assert.deepEqual(await both, [DATA, DATA])
    assert.deepEqual(await blobs.get(ID, patient), DATA)
    assert.equal(asked.length, 1)
    const other = blobs.get(OTHER, patient)
    await turn()
    answers[1]!(new Response(DATA))
    await other
    void blobs.get(ID, patient)
    await turn()
    assert.equal(asked.length, 3)
  })

  it('are no longer fetched when the last who waited has gone', async () => {
    const blobs = create()
    const stops = [new AbortController(), new AbortController()]
    const gone = stops.map(({ signal }) => assert.rejects(blobs.get(ID, { ...patient, signal }), /gone/))
    await turn()
    stops[0]!.abort(new Error('gone'))
    await gone[0]
    assert.equal(asked[0]!.signal.aborted, false)
    stops[1]!.abort(new Error('gone'))
    await gone[1]
    assert.equal(asked[0]!.signal.aborted, true)
    const again = blobs.get(ID, patient)
    await turn()
    answers[1]!(new Response(DATA))
    assert.deepEqual(await again, DATA)
  })

  it('are cut off beyond the limit when the gateway tells no length', async () => {
    const blobs = create()
    let given = 0
    const endless = new ReadableStream({
      pull(controller) {
        if (++given === 1_000) controller.close()
        else controller.enqueue(DATA.slice(0, 1))
      },
    })
    const refused = assert.rejects(blobs.get(ID, patient), /more than 4 bytes/)
    await turn()
    answers[0]!(new Response(endless))
    await refused
    assert.ok(given <= 8, `${given} pieces`)
  })

  it('are not kept when they are others', async () => {
    const blobs = create(() => OTHER)
    for (let i = 0; i < 2; i++) {
      const refused = assert.rejects(blobs.get(ID, patient), { code: 'NOT_THE_BLOB' })
      await turn()
      answers[i]!(new Response(DATA))
      await refused
    }
    assert.equal(asked.length, 2)
  })
})

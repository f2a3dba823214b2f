import assert from 'node:assert/strict'
import { blobIdIn, linkOf } from '../../../../node/page/ui/blob-id-in.ts'

const ID = 'VS8vblOXKEQTJVSyvrad5WX1fBtvYrEdA9JeArzkIM4'

describe('what is pasted or linked', () => {
  it('has a blob ID in it, or none', () => {
    for (const text of [ID, ` ${ID}\n`, `http://127.0.0.1:31415/v1/blobs/${ID}`, `/b/${ID}?type=image/png`])
      assert.equal(blobIdIn(text), ID)
    for (const text of ['', 'x', `${ID}x`, `-${ID}`, ID.slice(1)]) assert.equal(blobIdIn(text), undefined)
  })

  it('names a blob and a network', () => {
    assert.deepEqual(linkOf(`#${ID}`), { blobId: ID })
    assert.deepEqual(linkOf(`#network=0x12&blob=${ID}`), { blobId: ID, network: '0x12' })
    assert.deepEqual(linkOf('#network=0x12'), { network: '0x12' })
    assert.deepEqual(linkOf(''), {})
  })
})

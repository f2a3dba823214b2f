import assert from 'node:assert/strict'
import { TestChain } from '../support/chain.ts'

describe('chain/localnet/server: signatures', function () {
  this.timeout(60_000)
  let chain: TestChain
  before(async () => {
    chain = await TestChain.start()
  })
  after(() => chain?.close())

  it('verifies signatures', async () => {
    const message = new TextEncoder().encode('hello')
    const { signature } = await chain.keypair.signPersonalMessage(message)
    const verify = (address: string) =>
      chain.client.core.verifyZkLoginSignature({
        address,
        bytes: Buffer.from(message).toString('base64'),
        signature,
        intentScope: 'PersonalMessage',
      })
    assert.equal((await verify(chain.address)).success, true)
    assert.equal((await verify('0x5')).success, false)
  })
})

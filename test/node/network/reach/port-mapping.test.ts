import assert from 'node:assert/strict'
import { silentLog } from '../../../../base/log.ts'
import { type PortMapping, startPortMapping } from '../../../../node/network/reach/port-mapping.ts'

type Init = Parameters<typeof startPortMapping>[0]
interface AddressManager {
  getAddressesWithMetadata(): unknown
  addPublicAddressMapping(...mapping: [string, number, string, number, string]): void
  removePublicAddressMapping(...mapping: [string, number, string, number, string]): void
}

describe('ports of a router', () => {
  let told: AddressManager
  let did: string[]
  let changes: number
  let stopping: () => Promise<void>
  let mapping: PortMapping
  const addresses = ['those that libp2p has']
  beforeEach(async () => {
    did = []
    changes = 0
    stopping = async () => undefined
    const uPnPNAT = (options: object) => (components: { addressManager: AddressManager }) => {
      told = components.addressManager
      assert.equal('autoConfirmAddress' in options && options.autoConfirmAddress, false)
      return {
        start: async () => void did.push('start'),
        async stop() {
          did.push('stop')
          await stopping()
        },
      }
    }
    mapping = await startPortMapping({
      libp2p: { components: { addressManager: { getAddressesWithMetadata: () => addresses } } },
      changed: () => changes++,
      log: silentLog(),
      load: async () => ({ uPnPNAT }),
    } as unknown as Init)
  })

  it('are what the router says, as long as it does', () => {
    assert.deepEqual(did, ['start'])
    assert.equal(told.getAddressesWithMetadata(), addresses)
    told.addPublicAddressMapping('10.0.0.2', 4001, '192.0.2.7', 5001, 'tcp')
    told.addPublicAddressMapping('10.0.0.2', 4001, '192.0.2.7', 5002, 'udp')
    assert.deepEqual(mapping.mapped(), [{ ip: '192.0.2.7', port: 5001 }])
    assert.equal(changes, 1)
    // the provider has given the router another address
    told.removePublicAddressMapping('10.0.0.2', 4001, '192.0.2.7', 5001, 'tcp')
    assert.deepEqual(mapping.mapped(), [])
    told.addPublicAddressMapping('10.0.0.2', 4001, '192.0.2.8', 5001, 'tcp')
    assert.deepEqual(mapping.mapped(), [{ ip: '192.0.2.8', port: 5001 }])
    assert.equal(changes, 3)
  })

  it('are given back, whatever the router answers', async () => {
    stopping = () => Promise.reject(new Error('the router is gone'))
    await mapping.stop()
    assert.deepEqual(did, ['start', 'stop'])
  })
})

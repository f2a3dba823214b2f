import assert from 'node:assert/strict'
import { GrpcTypes } from '@mysten/sui/grpc'
import { Transaction } from '@mysten/sui/transactions'
import { LIMITS } from '../../../chain/localnet/ledger/limits.ts'
import { created, TestChain } from './support/chain.ts'
import { packageOf } from './support/packages.ts'

const { ExecutionError_ExecutionErrorKind: Kind } = GrpcTypes

describe("chain/localnet: Sui's limits", function () {
  this.timeout(60_000)
  let chain: TestChain
  before(async () => {
    chain = await TestChain.start()
  })
  after(() => chain?.close())

  const call = (name: string, ...numbers: number[]) => {
    const tx = new Transaction()
    tx.moveCall({ target: chain.target(name), arguments: numbers.map(n => tx.pure.u64(n)) })
    return tx
  }
  const bytes = (size: number) => {
    const tx = new Transaction()
    const made = tx.moveCall({ target: chain.target('bytes'), arguments: [tx.pure.u64(size)] })
    tx.transferObjects([made], chain.address)
    return tx
  }
  const kind = async (tx: Transaction) => Kind[(await chain.failure(tx)).kind!]

  it('bounds the size of an object', async () => {
    const overhead = 32 + 3 // its ID and the vector's length
    await chain.ok(bytes(LIMITS.maxMoveObjectSizeBytes - overhead))
    const error = await chain.failure(bytes(LIMITS.maxMoveObjectSizeBytes - overhead + 1))
    assert.equal(Kind[error.kind!], 'OBJECT_TOO_BIG')
    assert.deepEqual(error.errorDetails, {
      oneofKind: 'sizeError',
      sizeError: { size: 256_001n, maxSize: 256_000n },
    })
  })

  it('bounds the events of a transaction', async () => {
    const executed = await chain.ok(call('emit_many', LIMITS.maxNumEventEmit))
    assert.equal(executed.events!.length, LIMITS.maxNumEventEmit)
    assert.equal(await kind(call('emit_many', LIMITS.maxNumEventEmit + 1)), 'MOVE_PRIMITIVE_RUNTIME_ERROR')
  })

  it('bounds the objects that a transaction makes', async () => {
    assert.equal(
      await kind(call('make_many', LIMITS.maxNumNewMoveObjectIds + 1)),
      'MOVE_PRIMITIVE_RUNTIME_ERROR',
    )
  })

  it('bounds the dynamic fields that a transaction touches', async () => {
    const thing = await chain.thing()
    const use = (name: string, from: number, to: number) => {
      const tx = new Transaction()
      tx.moveCall({
        target: chain.target(name),
        arguments: [tx.object(thing), tx.pure.u64(from), tx.pure.u64(to)],
      })
      return tx
    }
    const max = LIMITS.objectRuntimeMaxNumCachedObjects
    await chain.ok(use('add_fields', 0, max))
    await chain.ok(use('add_fields', max, max + 1))
    await chain.ok(use('touch_all', 0, max))
    assert.equal(await kind(use('touch_all', 0, max + 1)), 'MOVE_PRIMITIVE_RUNTIME_ERROR')
  })

  it('ends a function that does not', async () => {
    assert.equal(await kind(call('forever')), 'INSUFFICIENT_GAS')
  })

  it('bounds the number of commands: the limit itself is refused, as on Sui', async () => {
    const many = (n: number) => {
      const tx = new Transaction()
      for (let i = 0; i < n; i++) tx.moveCall({ target: chain.target('nothing') })
      return tx
    }
    const max = LIMITS.maxProgrammableTxCommands
    await chain.ok(many(max - 1))
    await assert.rejects(chain.run(many(max)), /maximum commands in a programmable transaction is 1024/)
  })

  it('bounds the arguments of every command', async () => {
    const max = LIMITS.maxArguments
    const split = (n: number) => {
      const tx = new Transaction()
      tx.transferObjects([tx.gas], chain.address)
      tx.splitCoins(tx.gas, Array(n).fill(tx.pure.u64(0)))
      return tx
    }
    const transfer = (n: number) => {
      const tx = new Transaction()
      tx.transferObjects(Array(n).fill(tx.gas), chain.address)
      return tx
    }
    const merge = (n: number) => {
      const tx = new Transaction()
      tx.mergeCoins(tx.gas, Array(n).fill(tx.gas))
      return tx
    }
    const vector = (n: number) => {
      const tx = new Transaction()
      tx.makeMoveVec({ type: 'u64', elements: Array(n).fill(tx.pure.u64(0)) })
      return tx
    }
    const call = (n: number) => {
      const tx = new Transaction()
      tx.moveCall({ target: chain.target('nothing'), arguments: Array(n).fill(tx.pure.u64(0)) })
      return tx
    }
    for (const make of [split, transfer, merge, vector, call]) {
      // one less is let in, whatever becomes of it there
      await chain.run(make(max - 1))
      await assert.rejects(
        chain.run(make(max)),
        /maximum arguments in a (move call|command) is 512/,
        make.name,
      )
    }
  })

  it('bounds a pure argument and the transaction', async () => {
    const withPure = (sizes: number[]) => {
      const tx = new Transaction()
      for (const size of sizes) tx.pure(new Uint8Array(size))
      tx.moveCall({ target: chain.target('nothing') })
      return tx
    }
    const max = LIMITS.maxPureArgumentSizeBytes
    await chain.ok(withPure([max - 1]))
    await assert.rejects(chain.run(withPure([max])), /maximum pure argument size is 16384/)
    const error = chain.run(withPure(Array.from({ length: 8 }, () => max)))
    await assert.rejects(error, /Transaction size limit exceeded/)
  })

  it('bounds type arguments in number, of all their parts, and depth', async () => {
    const typed = (...typeArguments: string[]) => {
      const tx = new Transaction()
      tx.moveCall({ target: chain.target('typed'), typeArguments, arguments: [tx.pure(Uint8Array.of(0))] })
      return tx
    }
    const nested = (depth: number): string => (depth === 1 ? 'u8' : `vector<${nested(depth - 1)}>`)
    await chain.ok(typed(nested(LIMITS.maxTypeArgumentDepth - 1)))
    await assert.rejects(chain.run(typed(nested(LIMITS.maxTypeArgumentDepth))), /maximum type argument/)
    const many = (n: number) => Array.from({ length: n }, () => 'u8')
    await chain.run(typed(...many(LIMITS.maxTypeArguments - 1)))
    await assert.rejects(
      chain.run(typed(...many(LIMITS.maxTypeArguments))),
      /maximum type arguments in a command/,
    )
    await assert.rejects(
      chain.run(typed(...many(8).map(type => `vector<${type}>`))),
      /maximum type arguments/,
    )
  })

  it('takes a transaction without commands', async () => {
    const executed = await chain.ok(new Transaction())
    assert.equal(executed.status.success, true)
    assert.deepEqual(
      executed.effects!.changedObjects.map(change => change.objectId),
      [executed.effects!.gasObject!.objectId],
    )
  })

  it('refuses empty commands, and an object twice', async () => {
    const transfer = new Transaction()
    transfer.transferObjects([], '0x5')
    await assert.rejects(chain.run(transfer), /Empty command input/)
  })

  it('bounds the size of a package', async () => {
    const constant = `b"${'x'.repeat(30_000)}"`
    const big = await packageOf(
      'big',
      `module big::big;\n${[0, 1, 2, 3].map(i => `public fun f${i}(): vector<u8> { ${constant.slice(0, -2)}${i}" }`).join('\n')}`,
    )
    const tx = new Transaction()
    tx.transferObjects([tx.publish(big)], chain.address)
    const error = await chain.failure(tx)
    assert.equal(Kind[error.kind!], 'PACKAGE_TOO_BIG')
  })

  it('has room for an object that is a little smaller after a larger one was refused', async () => {
    created(await chain.ok(bytes(1000)), '::things::Bytes')
  })
})

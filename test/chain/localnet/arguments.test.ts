import assert from 'node:assert/strict'
import { bcs } from '@mysten/sui/bcs'
import { GrpcTypes } from '@mysten/sui/grpc'
import { Transaction, type TransactionArgument } from '@mysten/sui/transactions'
import { created, TestChain } from './support/chain.ts'

const {
  CommandArgumentError_CommandArgumentErrorKind: ArgumentKind,
  ExecutionError_ExecutionErrorKind: Kind,
} = GrpcTypes

describe('chain/localnet: how a transaction may use values', function () {
  this.timeout(60_000)
  let chain: TestChain
  let thing: string
  before(async () => {
    chain = await TestChain.start()
    thing = await chain.thing()
  })
  after(() => chain?.close())

  type Fill = (
    tx: Transaction,
    call: (
      name: string,
      args?: TransactionArgument[],
      types?: string[],
    ) => ReturnType<Transaction['moveCall']>,
  ) => void
  const make = (fill: Fill): Transaction => {
    const tx = new Transaction()
    fill(tx, (name, args = [], typeArguments = []) =>
      tx.moveCall({ target: chain.target(name), arguments: args, typeArguments }),
    )
    return tx
  }
  const newThing = (tx: Transaction) =>
    tx.moveCall({ target: chain.target('thing'), arguments: [tx.pure.u64(1)] })

  const argumentCases: Record<
    string,
    { kind: keyof typeof ArgumentKind; argument: number; command: bigint; fill: Fill }
  > = {
    'a value of another type': {
      kind: 'TYPE_MISMATCH',
      argument: 0,
      command: 1n,
      fill: (_, call) => call('value', [call('plain', [_.pure.u64(1)])]),
    },
    'the wrong object type': {
      kind: 'TYPE_MISMATCH',
      argument: 0,
      command: 0n,
      fill: (tx, call) => call('unwrap', [tx.object(thing)]),
    },
    'pure bytes that are too short': {
      kind: 'INVALID_BCS_BYTES',
      argument: 0,
      command: 0n,
      fill: (tx, call) => call('private_number', [tx.pure(new Uint8Array(7))]),
    },
    'pure bytes with something behind': {
      kind: 'INVALID_BCS_BYTES',
      argument: 0,
      command: 0n,
      fill: (tx, call) => call('private_number', [tx.pure(new Uint8Array(9))]),
    },
    'pure bytes for an object': {
      kind: 'INVALID_USAGE_OF_PURE_ARGUMENT',
      argument: 0,
      command: 0n,
      fill: (tx, call) => call('value', [tx.pure(new Uint8Array(40))]),
    },
    'pure bytes for a struct of the package': {
      kind: 'INVALID_USAGE_OF_PURE_ARGUMENT',
      argument: 0,
      command: 0n,
      fill: (tx, call) => call('n', [tx.pure.u64(1)]),
    },
    'a string that is not UTF-8': {
      kind: 'INVALID_BCS_BYTES',
      argument: 0,
      command: 0n,
      fill: (tx, call) =>
        call('texts', [
          tx.pure(Uint8Array.of(1, 0xff)),
          tx.pure.option('u64', 1),
          tx.pure(bcs.vector(bcs.vector(bcs.u8())).serialize([[1]])),
          tx.pure.id(thing),
          tx.pure.address('0x1'),
        ]),
    },
    'a part of a result that is not there': {
      kind: 'SECONDARY_INDEX_OUT_OF_BOUNDS',
      argument: 0,
      command: 1n,
      fill: (_, call) => {
        call('two')
        call('public_entry', [{ $kind: 'NestedResult', NestedResult: [0, 2] }])
      },
    },
    'two results as one': {
      kind: 'INVALID_RESULT_ARITY',
      argument: 0,
      command: 1n,
      fill: (_, call) => {
        call('two')
        call('public_entry', [{ $kind: 'Result', Result: 0 }])
      },
    },
    'an object that was moved before': {
      kind: 'ARGUMENT_WITHOUT_VALUE',
      argument: 0,
      command: 2n,
      fill: (tx, call) => {
        const made = newThing(tx)
        call('destroy', [made])
        call('destroy', [made])
      },
    },
    'an input object that was moved before': {
      kind: 'ARGUMENT_WITHOUT_VALUE',
      argument: 0,
      command: 1n,
      fill: (tx, call) => {
        tx.transferObjects([tx.object(thing)], '0x5')
        call('value', [tx.object(thing)])
      },
    },
    'two mutable references to one object': {
      kind: 'INVALID_REFERENCE_ARGUMENT',
      argument: 1,
      command: 0n,
      fill: (tx, call) => call('both', [tx.object(thing), tx.object(thing)]),
    },
    'an object that is borrowed by the same command': {
      kind: 'ARGUMENT_WITHOUT_VALUE',
      argument: 1,
      command: 0n,
      fill: (tx, call) => {
        const taken = call('take_and_borrow', [tx.object(thing), tx.object(thing)])
        tx.transferObjects([taken], chain.address)
      },
    },
    'the gas coin by value': {
      kind: 'INVALID_GAS_COIN_USAGE',
      argument: 0,
      command: 0n,
      fill: (tx, call) => call('pay', [tx.gas]),
    },
    'the result of a public function for a private entry function': {
      kind: 'INVALID_ARGUMENT_TO_PRIVATE_ENTRY_FUNCTION',
      argument: 0,
      command: 1n,
      fill: (tx, call) => {
        const made = newThing(tx)
        call('private_entry', [made])
        tx.transferObjects([made], chain.address)
      },
    },
    'an object lent mutably to a public function for a private entry function': {
      kind: 'INVALID_ARGUMENT_TO_PRIVATE_ENTRY_FUNCTION',
      argument: 0,
      command: 1n,
      fill: (tx, call) => {
        call('set', [tx.object(thing), tx.pure.u64(1)])
        call('private_entry', [tx.object(thing)])
      },
    },
    'coins to split that are no coins': {
      kind: 'TYPE_MISMATCH',
      argument: 0,
      command: 0n,
      fill: tx => tx.splitCoins(tx.object(thing), [1]),
    },
    'something without store to transfer': {
      kind: 'INVALID_TRANSFER_OBJECT',
      argument: 0,
      command: 1n,
      fill: (tx, call) => tx.transferObjects([call('bound')], '0x5'),
    },
    'a number to transfer': {
      kind: 'INVALID_TRANSFER_OBJECT',
      argument: 0,
      command: 1n,
      fill: (tx, call) => tx.transferObjects([call('plain', [tx.pure.u64(1)])], '0x5'),
    },
    'a vector of unknown type that does not begin with an object': {
      kind: 'INVALID_MAKE_MOVE_VEC_NON_OBJECT_ARGUMENT',
      argument: 0,
      command: 0n,
      fill: tx => tx.makeMoveVec({ elements: [tx.pure.u64(1)] }),
    },
    'elements of different types': {
      kind: 'TYPE_MISMATCH',
      argument: 1,
      command: 2n,
      fill: (tx, call) => {
        const made = newThing(tx)
        tx.makeMoveVec({ elements: [made, call('plain', [tx.pure.u64(1)])] })
      },
    },
  }
  for (const [name, { kind, argument, command, fill }] of Object.entries(argumentCases))
    it(`refuses ${name}`, async () => {
      const error = await chain.failure(make(fill))
      assert.equal(Kind[error.kind!], 'COMMAND_ARGUMENT_ERROR')
      assert.equal(error.errorDetails.oneofKind, 'commandArgumentError')
      if (error.errorDetails.oneofKind !== 'commandArgumentError') return
      assert.equal(ArgumentKind[error.errorDetails.commandArgumentError.kind!], kind)
      assert.equal(error.errorDetails.commandArgumentError.argument, argument)
      assert.equal(error.command, command)
    })

  const failures: Record<string, { kind: keyof typeof Kind; fill: Fill }> = {
    'too few arguments': { kind: 'ARITY_MISMATCH', fill: (_, call) => call('value') },
    'too many arguments': { kind: 'ARITY_MISMATCH', fill: (tx, call) => call('nothing', [tx.pure.u64(1)]) },
    'a missing type argument': {
      kind: 'TYPE_ARITY_MISMATCH',
      fill: (tx, call) => call('typed', [tx.pure.u64(1)]),
    },
    'a type that does not exist': {
      kind: 'TYPE_ARGUMENT_ERROR',
      fill: (tx, call) => call('typed', [tx.pure.u64(1)], ['0x2::sui::NONE']),
    },
    'a type without the abilities': {
      kind: 'TYPE_ARGUMENT_ERROR',
      fill: (tx, call) => call('typed', [tx.pure.u64(1)], [`${chain.packageId}::things::Potato`]),
    },
    'a private function': { kind: 'NON_ENTRY_FUNCTION_INVOKED', fill: (_, call) => call('hidden') },
    'a function of the package only': {
      kind: 'NON_ENTRY_FUNCTION_INVOKED',
      fill: (_, call) => call('internal'),
    },
    'a reference as a result': {
      kind: 'INVALID_PUBLIC_FUNCTION_RETURN_TYPE',
      fill: (tx, call) => call('value_ref', [tx.object(thing)]),
    },
    'a hot potato that is left': { kind: 'UNUSED_VALUE_WITHOUT_DROP', fill: (_, call) => call('potato') },
    'an object that is left': { kind: 'UNUSED_VALUE_WITHOUT_DROP', fill: tx => newThing(tx) },
    'a value with copy but not drop that was only looked at': {
      kind: 'UNUSED_VALUE_WITHOUT_DROP',
      fill: (_, call) => call('keep_sticky', [call('sticky')]),
    },
    'more than a coin has': {
      kind: 'INSUFFICIENT_COIN_BALANCE',
      fill: tx => tx.transferObjects([tx.splitCoins(tx.gas, [10n ** 18n])], '0x5'),
    },
  }
  for (const [name, { kind, fill }] of Object.entries(failures))
    it(`fails on ${name}`, async () => {
      const error = await chain.failure(make(fill))
      assert.equal(Kind[error.kind!], kind)
    })

  it('takes every kind of pure value', async () => {
    await chain.ok(
      make((tx, call) => {
        call('texts', [
          tx.pure.string('grüß'),
          tx.pure.option('u64', null),
          tx.pure(bcs.vector(bcs.vector(bcs.u8())).serialize([[1], [2, 3]])),
          tx.pure.id(thing),
          tx.pure.address('0x1'),
        ])
      }),
    )
  })

  it('lets a value with copy be used often, a potato once, and a sticky value up', async () => {
    await chain.ok(
      make((tx, call) => {
        const plain = call('plain', [tx.pure.u64(3)])
        call('n', [plain])
        call('n', [plain])
        call('eat', [call('potato')])
        const made = newThing(tx)
        call('stick', [call('sticky'), made])
        tx.transferObjects([made], chain.address)
      }),
    )
  })

  it('keeps what a function did to a pure value through a reference', async () => {
    const executed = await chain.ok(
      make((tx, call) => {
        const n = tx.pure.u64(41)
        call('bump', [n])
        call('public_entry', [n])
      }),
    )
    assert.equal(bcs.u64().parse(executed.events![0]!.bcs), '42')
  })

  it('lets a private entry function have inputs, coins that were split, and pure values', async () => {
    await chain.ok(
      make((tx, call) => {
        call('private_entry', [tx.object(thing)])
        call('private_number', [tx.pure.u64(1)])
      }),
    )
  })

  it('lends one object twice when nobody changes it', async () => {
    await chain.ok(make((tx, call) => call('pair', [tx.object(thing), tx.object(thing)])))
  })

  it('gives the gas coin away as a whole', async () => {
    const other = await TestChain.start({ sample: false })
    try {
      await other.localnet.faucet(other.address)
      const tx = new Transaction()
      tx.transferObjects([tx.gas], '0x7')
      const executed = await other.ok(tx)
      const cost = BigInt(executed.effects!.gasUsed.computationCost)
      const { balance } = await other.client.getBalance({ owner: '0x7' })
      assert.equal(BigInt(balance.balance), 1_000_000_000_000n - cost)
      assert.equal((await other.client.getBalance({ owner: other.address })).balance.balance, '0')
    } finally {
      await other.close()
    }
  })

  it('joins and splits coins, and makes vectors of them', async () => {
    const tx = new Transaction()
    const [a, b, c] = tx.splitCoins(tx.gas, [5, 7, 9])
    tx.mergeCoins(a!, [b!, c!])
    const vector = tx.makeMoveVec({ elements: [a!] })
    tx.moveCall({
      target: '0x2::pay::join_vec',
      typeArguments: ['0x2::sui::SUI'],
      arguments: [tx.gas, vector],
    })
    const executed = await chain.ok(tx)
    assert.equal(executed.effects!.changedObjects.length, 1)
    const again = new Transaction()
    again.transferObjects([again.splitCoins(again.gas, [21])], '0x77')
    created(await chain.ok(again), '::sui::SUI>')
    assert.equal((await chain.client.getBalance({ owner: '0x77' })).balance.balance, '21')
  })
})

"""Expressions whose text (repr, str) or refusal is compared with TensorFlow's; T: tf.constant."""

EXPRESSIONS = r"""
T([1,2.5])
T(True)
T(np.float64(3))
T([np.float64(3),1.0])
T([1.0,np.float64(3)])
T([np.array([1.,2.]),np.array([3.,4.])])
T([np.float32(1),2])
T([np.int64(1),2])
T(3000000000)
T([1,2],dtype=tf.float32)
T(1.5,dtype=tf.int32)
T(np.array([1.5]),dtype=tf.int32)
T(1,dtype=tf.bool)
T(True,dtype=tf.float32)
T([True,1])
T([True,2.0])
T(1.0,shape=[2,2])
T([1,2,3,4],shape=[2,2])
T([[1,2],[3]])
T('a',dtype=tf.float32)
T(None)
T([])
T([[]])
T(T(1.0),dtype=tf.float64)
tf.convert_to_tensor(T(1.0),dtype=tf.float64)
tf.convert_to_tensor(1,tf.float32)
tf.convert_to_tensor([1,2],dtype_hint=tf.float64)
tf.convert_to_tensor(1.5,dtype_hint=tf.int32)
T(1)+1.5
T(1.0)+1
T(1.0)+np.float64(2.5)
T(1.0)+np.array([2.5])
T(1)+np.array([2.5])
np.array([2.5])+T(1.0)
np.float64(2)*T(1.0)
T(1)+T(1.0)
T(1.0)+True
T(1)/2
T([1,2])/T([2,4])
2/T(4.0)
tf.add(1.0,2)
tf.add(1,2.5)
tf.add(1,T(2.5))
tf.add(np.array(1.0),T(2.5))
tf.add(np.array(1.0),2.5)
T([1,2])+[3,4]
[3,4]+T([1,2])
T(1.0)+None
T(np.array([1,2]))
T(np.arange(3,dtype=np.int32))
T(range(3))
T((1,2))
T(1,dtype=tf.int64)+T(1)
T(2.0)**2
2**T(3.0)
T(7)//2
T(-7)//2
T(-7)%3
T(7.0)//2
-T(1)
abs(T(-1))
~T(True)
T(True)&T(False)
T(1.0)<2
T(1.0)==1
T(1.0)==None
T(1.0)!=T(1)
T([1.0,2])@T([[1.],[2]])
T([[1.0,2]])@T([[1.],[2]])
T([[1.0,2]])@T([[1.],[2],[3]])
T([1.,2,3])+T([1.,2])
len(T(1.0))
list(T([1,2]))
float(T(2.5)), int(T(2.5)), bool(T(0.0))
bool(T([1,2]))
[1,2,3][T(1)]
hash(T(1.0))
T(1.0).shape, T([1,2]).shape
T(1.0).dtype, T(1).dtype
T([1.,2.]).shape==(2,)
T([[1.,2.]]).shape[1]
T(1.0)[0]
f'{T(1.5)}'
f'{T(1.5):.2f}'
T([1,2])*2.0
T(1e10)
T(0.1)
T([0.1,1e10])
T(np.zeros((0,3)))
T(np.arange(2000))
T(np.arange(12.).reshape(3,4))
T(np.arange(24).reshape(2,3,4))
T(np.zeros((30,40)))
T([True,False])
T(np.float16(1.5))
T(np.array([1.5,np.nan,np.inf]))
tf.Variable(1.0)
tf.Variable([1,2],name='v')
tf.Variable(np.arange(4.).reshape(2,2))
tf.Variable(1.0).shape
T([1.0, 2.0])[0]
T([[1, 2], [3, 4]])[:, ::-1]
T([[1, 2], [3, 4]])[tf.newaxis, ..., 0]
T([1, 2, 3])[T(1):]
T([1.0, -2.0, 3.0])[T([1.0, -2.0, 3.0]) > 0]
T([1, 2, 3])[-1]
T([1, 2, 3])[5]
[float(x) for x in T([1.0, 2.0])]
np.sum(T([[1.0, 2.0], [3.0, 4.0]]))
np.asarray(T([1, 2])) + 1
T([1.0, 2.0]) == T([1.0, 3.0])
T([1.0, 2.0]) == T([1.0, 2.0, 3.0])
T([True, False]) ^ True
3 - T([1.0, 2.0])
2.0 ** T([1.0, 2.0])
7 // T([2, 3])
7 % T([2, 3])
-7.5 // T(2.0)
T(5) > [1, 5, 9]
T([1.0, 2.0]).shape.as_list(), T([1.0, 2.0]).shape.rank, T(1.0).ndim
T(1.0).dtype.name, T(1).dtype.is_integer, T(1.0).dtype.is_floating, T(1.0).dtype == "float32"
str(T(1.0).dtype), T(1.0).dtype.as_numpy_dtype
tf.as_dtype("float64"), tf.as_dtype(np.int8), tf.as_dtype(float), tf.as_dtype(bool)
tf.UnconnectedGradients.NONE.value, tf.UnconnectedGradients.ZERO.value
tf.TensorSpec([None, 2], tf.float32), tf.TensorSpec((), tf.int32, name="n")
tf.TensorSpec([None, 2]).shape, tf.TensorShape([1, None]).as_list()
tf.zeros([2, 2]), tf.ones(3, tf.int32), tf.zeros(()), tf.fill([2], 1.5)
tf.range(3), tf.range(1.0, 2.0, 0.5), tf.range(5, 0, -2)
tf.cast([1.7, -1.7], tf.int32), tf.cast([0.0, 2.0], tf.bool), tf.cast(True, tf.float32)
tf.reduce_sum([[1, 2], [3, 4]]), tf.reduce_mean([1.0, 2.0]), tf.reduce_max([[1, 5], [7, 2]], 1)
tf.reduce_any([True, False]), tf.reduce_all([[True, False], [True, True]], axis=1)
tf.concat([[1, 2], [3]], 0), tf.stack([T(1), 2]), tf.convert_to_tensor([T(1.0), 2.0])
tf.add(T([1.0]), [2]), tf.maximum(1.0, [0.5, 2.0]), tf.pow(2, [1, 2])
tf.add([1.0], T([2], dtype=tf.int32))
tf.matmul([[1.0, 2.0]], [[3.0], [4.0]]), tf.matmul(T([[1.0], [2.0]]), T([[1.0], [2.0]]), True)
tf.one_hot([0, 2], 3), tf.where([True, False], 1.0, 2.0), tf.where(T([0, 3, 0, 1]))
tf.argmax([[1.0, 3.0], [2.0, 0.0]]), tf.argmax([1, 5, 2], output_type=tf.int32)
tf.is_tensor(T(1)), tf.is_tensor(tf.Variable(1.0)), tf.is_tensor(1.0), tf.executing_eagerly()
tf.shape(T([[1, 2]])), tf.rank(T([[1, 2]])), tf.size(T([[1, 2]])), tf.shape(1, out_type=tf.int64)
tf.nest.flatten({"b": [1, 2], "a": (3,)}), tf.nest.map_structure(lambda x: x + 1, {"a": [1]})
tf.nest.pack_sequence_as({"b": 0, "a": [0, 0]}, [1, 2, 3])
tf.squeeze([[[1], [2]]]), tf.transpose([[1, 2], [3, 4]]), tf.reshape([1, 2, 3, 4], [2, -1])
tf.reshape([1, 2, 3], [2, 2])
tf.split(T([1, 2, 3, 4]), 2), tf.unstack([[1, 2], [3, 4]])
tf.clip_by_value([-1.0, 0.5, 3.0], 0.0, 1.0), tf.clip_by_value([1, 5], 2, 4)
tf.math.is_nan([1.0, np.nan]), tf.sign([-2.0, 0.0]), tf.round([0.5, 1.5, -0.5]), tf.math.mod(-7, 3)
tf.nn.softmax([[1.0, 1.0]]), tf.nn.relu([-1.0, 2.0]), tf.nn.leaky_relu([-1.0]), tf.sigmoid(0.0)
tf.identity([1, 2]), tf.eye(2), tf.linspace(0.0, 1.0, 3), tf.tile([[1, 2]], [1, 2])
tf.repeat([1, 2], 2), tf.repeat([[1, 2]], [2, 1], axis=1)
tf.gather([[1, 2], [3, 4], [5, 6]], [2, 0]), tf.gather([[1, 2], [3, 4]], [1], axis=1)
tf.gather([1, 2], [2])
tf.expand_dims([1, 2], 0), tf.pad([[1, 2]], [[1, 0], [0, 1]]), tf.cumsum([1, 2, 3])
tf.cumsum([1.0, 2.0], reverse=True), tf.cumsum([[1], [2]], exclusive=True)
tf.Variable(1.0).assign(2.0).numpy(), tf.Variable([1, 2]).assign_add([1, 1]).numpy()
tf.Variable(3.0).assign_sub(1.0).numpy()
tf.Variable(1.0) + 1, tf.Variable([1.0, 2.0])[1], tf.Variable(2) * 3, -tf.Variable(1.0)
tf.Variable(1.0).assign([1.0, 2.0])
tf.Variable(1.0).assign(tf.constant(1))
tf.Variable(1.0, name="w").name, tf.Variable(1.0).trainable, tf.Variable(lambda: 2.0).dtype
tf.Variable(1.0).numpy(), tf.Variable([1.0]).value(), tf.Variable([1.0]).read_value()
tf.constant([1.0]) * tf.Variable([2.0]), tf.Variable(1, dtype=tf.float64)
tf.constant([0.1, 0.25, 1e-8]), tf.constant(1e-8), tf.constant(123456789.0)
tf.constant(np.float64(1) / 3), tf.constant(np.float16(1) / 3)
tf.constant([[0.1], [2.0]], tf.float64)
tf.constant([255], tf.uint8), tf.constant(np.arange(3, dtype=np.int8)), tf.constant([[True]])
tf.zeros((1, 0, 2)), tf.constant(np.zeros((2, 0)))
tf.math.l2_normalize([3.0, 4.0]), tf.norm([3.0, 4.0]), tf.linalg.global_norm([T([3.0]), T([4.0])])
tf.clip_by_global_norm([T([3.0]), T([4.0])], 1.0), tf.clip_by_norm([3.0, 4.0], 1.0)
""".strip().splitlines()

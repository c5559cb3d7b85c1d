"""
The pytest plugin: loaded in every pytest run of whoever has mjwatch installed, so it may import nothing but pytest.

It is empty on purpose. Virtual time enters through anyio's own plugin; a conftest.py says so in two lines:

    @pytest.fixture
    def anyio_backend():
        return sim_backend(seed=0)  # from mjwatch.testing.simloop
"""

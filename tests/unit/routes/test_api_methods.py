from holdfast.routes import api_messages as api
from holdfast.routes.api_methods import ApiParts, api_methods
from holdfast.routes.api_order import ManyRules


class Anything:
    """Has every method and returns what it was asked."""

    def __getattr__(self, name):
        async def method(request):
            return name, request

        return method


def test_api_methods_are_all_there():
    """Every method of the API has a name, and a batch can hold each of them but another batch."""
    methods = api_methods(ApiParts(Anything(), Anything(), Anything()), ManyRules(10, 10, 10, print))

    assert set(methods) == {*api.Command.__struct_fields__, "batch", "/api"}
    assert [method.name for method in methods.values()] == list(methods)
    assert [name for name, method in methods.items() if method.is_bare] == ["batch", "/api"]


async def test_api_methods_reach_what_they_name():
    """Each name decodes its own request and calls the method of that name, alone and in a batch."""
    methods = api_methods(ApiParts(Anything(), Anything(), Anything()), ManyRules(10, 10, 10, print))
    for name in api.Command.__struct_fields__:
        request = methods[name].decode(b"{}")
        assert await methods[name].run(request) == (name, request)

        batch = methods["batch"].decode(b'{"commands":[{"%s":{}}]}' % name.encode())
        assert await methods["batch"].run(batch) == {"replies": [{name: (name, request)}]}
